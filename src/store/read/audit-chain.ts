import { readPrincipal, readTarget } from '../columns.ts'
import type { Connection } from '../connection.ts'
import type { AuditHeadRow, ChainRow } from '../queries.ts'

type StoredRow = Omit<ChainRow, 'actor' | 'target' | 'hash'> & {
  readonly actor: Buffer | string
  readonly target: Buffer | string | null
  readonly hash: Buffer | null
}

interface StoredHead {
  readonly row: number
  readonly hash: Buffer
  readonly signedAt: number
  readonly certificate: Buffer
  readonly signature: Buffer
}

const HEAD = `SELECT audit_row AS row, hash, signed_at AS signedAt, certificate, signature
  FROM audit_heads`

/** In the order of the rows. */
export function auditChainQueries(db: Connection) {
  const rows = db.prepare<[number, number, number], StoredRow>(
    `SELECT t.id AS id, t.at AS at, t.actor AS actor, t.address AS address, t.request_id AS requestId,
       ifnull((SELECT w.text FROM words w WHERE w.key = t.action), '') AS action,
       CASE typeof(t.target) WHEN 'integer' THEN (SELECT c.serial FROM certificates c WHERE c.id = t.target)
         ELSE t.target END AS target, t.result AS result, t.detail AS detail,
       ifnull(t.hash, (SELECT o.hash FROM audit_older_hashes o WHERE o.id = t.id)) AS hash
     FROM audit t WHERE t.id > ? AND t.id <= ? ORDER BY t.id LIMIT ?`,
  )
  const heads = db.prepare<[number, number], StoredHead>(
    `${HEAD} WHERE audit_row > ? AND audit_row <= ? ORDER BY audit_row, id`,
  )
  return {
    async auditChain(after: number, through: number, limit: number): Promise<ChainRow[]> {
      return rows.all(after, through, limit).map(chainRow)
    },
    /** Those of the rows in between. */
    async auditHeads(after: number, through: number): Promise<AuditHeadRow[]> {
      return heads.all(after, through).map(headRow)
    },
  }
}

/** The end of the chain; null before the first row. Rows of before the chain have no hash. */
export function newestAuditReader(db: Connection): () => { id: number; hash: string | null } | null {
  const newest = db.prepare<[], { id: number; hash: Buffer | null }>(
    `SELECT a.id AS id, ifnull(a.hash, (SELECT o.hash FROM audit_older_hashes o WHERE o.id = a.id)) AS hash
     FROM audit a ORDER BY a.id DESC LIMIT 1`,
  )
  return () => {
    const row = newest.get()
    return row ? { id: row.id, hash: row.hash?.toString('hex') ?? null } : null
  }
}

export function auditEndQueries(db: Connection) {
  const newest = newestAuditReader(db)
  const first = db.prepare<[number], { at: number }>('SELECT at FROM audit WHERE id > ? ORDER BY id LIMIT 1')
  const head = db.prepare<[], StoredHead>(`${HEAD} ORDER BY id DESC LIMIT 1`)
  return {
    async newestAudit() {
      return newest()
    },
    async newestAuditHead(): Promise<AuditHeadRow | null> {
      const row = head.get()
      return row ? headRow(row) : null
    },
    async auditTimeAfter(row: number): Promise<number | null> {
      return first.get(row)?.at ?? null
    },
  }
}

function chainRow({ actor, target, hash, ...rest }: StoredRow): ChainRow {
  return {
    ...rest,
    actor: readPrincipal(actor),
    target: target === null ? '' : readTarget(target),
    hash: hash?.toString('hex') ?? null,
  }
}

/** As text, since octets that come from another thread are no Buffers any more. */
function headRow({ hash, certificate, signature, ...rest }: StoredHead): AuditHeadRow {
  return {
    ...rest,
    hash: hash.toString('hex'),
    certificate: certificate.toString('hex'),
    signature: signature.toString('base64'),
  }
}
