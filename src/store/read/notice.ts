import { searchKey } from '../columns.ts'
import type { Connection } from '../connection.ts'
import type { EndingFilter, EndingPlace, NoticeRow, WebhookCounts } from '../notice-queries.ts'
import type { CertificateSummary } from '../queries.ts'
import { type StoredSummary, SUMMARY_COLUMNS, summaryOf } from './certificate-row.ts'

/** Certificates that one step looks at. */
const STEP = 1000
/** Certificates of one name, the newest first, among which a successor is looked for. */
const SUCCESSORS = 50

export function noticeQueries(db: Connection) {
  const due = db.prepare<[string, number, number], NoticeRow>(
    `SELECT id AS noticeId, message, body, created_ms AS createdAt, attempts FROM notices
     WHERE webhook = (SELECT key FROM webhooks WHERE name = ?) AND due_ms <= ? ORDER BY due_ms LIMIT ?`,
  )
  const beyond = db.prepare<[string, number, number], NoticeRow>(
    `SELECT id AS noticeId, message, body, created_ms AS createdAt, attempts FROM notices
     WHERE webhook = (SELECT key FROM webhooks WHERE name = ?) AND due_ms > ? ORDER BY due_ms LIMIT ?`,
  )
  const counts = db.prepare<[], WebhookCounts>('SELECT name AS webhook, waiting, dropped FROM webhooks')
  return {
    async dueNotices(webhook: string, now: number, latest: number, limit: number): Promise<NoticeRow[]> {
      const rows = due.all(webhook, now, limit)
      return rows.length < limit ? [...rows, ...beyond.all(webhook, latest, limit - rows.length)] : rows
    },
    async webhookCounts(): Promise<WebhookCounts[]> {
      return counts.all()
    },
  }
}

/** For the search thread: it looks at every certificate that ends soon. */
export function endingQueries(db: Connection) {
  // The inner part walks the index and nothing else, so that a step has an end however few of its rows are wanted.
  const walk = db.prepare<[Record<string, number>], EndingPlace & { isWanted: 0 | 1 }>(
    `SELECT c.id AS id, c.not_after AS notAfter,
       c.not_after - min(:notice, (c.not_after - max(c.not_before, c.issued_ms / 1000)) / 4) <= :now
         AND NOT EXISTS (SELECT 1 FROM revocations r WHERE r.certificate = c.id)
         AND NOT EXISTS (SELECT 1 FROM certificates n WHERE n.replaces = c.id
           AND NOT EXISTS (SELECT 1 FROM revocations r WHERE r.certificate = n.id))
         AND NOT EXISTS (SELECT 1 FROM told_ends t WHERE t.subject = 'certificate ' || lower(hex(c.serial)))
         AS isWanted
     FROM certificates c
     WHERE (c.not_after, c.id) > (:notAfter, :id) AND c.not_after <= :now + :notice
     ORDER BY c.not_after, c.id LIMIT ${STEP}`,
  )
  const find = db.prepare<[number], StoredSummary>(
    `SELECT ${SUMMARY_COLUMNS} FROM certificates c LEFT JOIN revocations r ON r.certificate = c.id WHERE c.id = ?`,
  )
  db.function('sorted_names', { deterministic: true }, sortedNames)
  // ACME clients renew by a new order, most without saying what it replaces, and not all with the names in the same order.
  const successor = db
    .prepare<[string, number, number], number>(
      `SELECT 1 FROM (
         SELECT certificate FROM certificate_names WHERE name = ? AND certificate > ?
         ORDER BY certificate DESC LIMIT ${SUCCESSORS}
       ) l JOIN certificates n ON n.id = l.certificate JOIN certificates c ON c.id = ?
       WHERE sorted_names(n.names) = sorted_names(c.names) AND n.profile = c.profile AND n.not_after > c.not_after
         AND NOT EXISTS (SELECT 1 FROM revocations r WHERE r.certificate = n.id) LIMIT 1`,
    )
    .pluck()
  const isRenewed = ({ id, names: [name] }: CertificateSummary & { id: number }) =>
    name !== undefined && successor.get(searchKey(name.value), id, id) !== undefined
  return {
    async endingCertificates({ now, notice }: EndingFilter, after: EndingPlace | null) {
      // What ends this second still lives (RFC 5280 4.1.2.5).
      const from = after ?? { notAfter: now - 1, id: Number.MAX_SAFE_INTEGER }
      const walked = walk.all({ now, notice, notAfter: from.notAfter, id: from.id })
      const last = walked.at(-1)
      const rows = walked
        .filter(({ isWanted }) => isWanted === 1)
        .map(({ id }) => ({ id, ...summaryOf(find.get(id)!) }))
        .filter((row) => !isRenewed(row))
        .map(({ id: _, ...row }): CertificateSummary => row)
      const next = walked.length < STEP || !last ? null : { notAfter: last.notAfter, id: last.id }
      return { rows, next }
    },
  }
}

function sortedNames(names: string): string {
  return JSON.stringify((JSON.parse(names) as string[]).sort())
}
