import type { AcmeCertificateRow, AcmeOrderRow } from '../acme-queries.ts'
import { serialOctets } from '../columns.ts'
import type { Connection } from '../connection.ts'
import type { Page } from '../queries.ts'
import { PROVEN_BY_ONE_OF } from './acme-authorization.ts'
import { certificateUnpacker, type PackedDer } from './certificate-der.ts'
import { pageOf, readCursor, writeCursor } from './cursor.ts'

type Stored = Omit<AcmeOrderRow, 'identifiers' | 'authorizations' | 'profileAsked' | 'serialNumber'> & {
  identifiers: string
  authorizations: string
  profileAsked: number
  serial: Buffer | null
}

const SELECT = `SELECT o.id AS orderId, o.account AS accountId, o.status AS status, o.expires_at AS expiresAt,
    o.created_at AS createdAt, o.identifiers AS identifiers, o.profile AS profile, o.profile_asked AS profileAsked,
    o.not_before AS notBefore, o.not_after AS notAfter, o.replaces_text AS replaces, o.error AS error,
    o.authorizations AS authorizations, (SELECT c.serial FROM certificates c WHERE c.id = o.certificate) AS serial
  FROM acme_orders o`

export function acmeOrderQueries(db: Connection) {
  const byId = db.prepare<[number], Stored>(`${SELECT} WHERE o.id = ?`)
  const newest = db.prepare<[number, number], Stored>(`${SELECT} WHERE o.id < ? ORDER BY o.id DESC LIMIT ?`)
  const newestOf = db.prepare<[number, number, number], Stored>(
    `${SELECT} WHERE o.account = ? AND o.id < ? ORDER BY o.id DESC LIMIT ?`,
  )
  const provenOtherwise = db
    .prepare<[number, string], string | null>(
      `SELECT (SELECT type FROM acme_challenges WHERE authorization = a.id AND status = 'valid')
       FROM acme_order_authorizations l JOIN acme_authorizations a ON a.id = l.authorization
       WHERE l."order" = ? AND NOT ${PROVEN_BY_ONE_OF} LIMIT 1`,
    )
    .pluck()
  const unpacked = certificateUnpacker(db)
  const certificate = db.prepare<[Buffer], Omit<AcmeCertificateRow, 'der'> & PackedDer>(
    `SELECT o.account AS accountId, a.id AS authority, (SELECT text FROM words WHERE key = c.profile) AS profile,
       c.der AS der, c.form AS form
     FROM certificates c JOIN acme_orders o ON o.certificate = c.id JOIN authorities a ON a.key = c.authority
     WHERE c.serial = ?`,
  )
  return {
    async acmeOrder(orderId: number): Promise<AcmeOrderRow | null> {
      const row = byId.get(orderId)
      return row ? orderOf(row) : null
    },

    async acmeOrderProvenOtherwise(orderId: number, provenBy: readonly string[]): Promise<string | null> {
      return provenOtherwise.get(orderId, JSON.stringify(provenBy)) ?? null
    },

    async listAcmeOrders(accountId: number | null, page: Page) {
      const [before] =
        page.after === undefined
          ? [Number.MAX_SAFE_INTEGER]
          : readCursor(page.after, 'acme-order', ['number'])
      const limit = page.limit + 1
      const stored =
        accountId === null
          ? newest.all(before as number, limit)
          : newestOf.all(accountId, before as number, limit)
      return pageOf(stored.map(orderOf), page.limit, (row) => writeCursor('acme-order', [row.orderId]))
    },

    async acmeCertificate(serialNumber: string): Promise<AcmeCertificateRow | null> {
      const row = certificate.get(serialOctets(serialNumber))
      if (!row) return null
      const { accountId, authority, profile } = row
      return { accountId, authority, profile, der: unpacked(row) }
    },
  }
}

function orderOf({ identifiers, authorizations, profileAsked, serial, ...row }: Stored): AcmeOrderRow {
  return {
    ...row,
    identifiers: JSON.parse(identifiers),
    authorizations: JSON.parse(authorizations),
    profileAsked: profileAsked === 1,
    serialNumber: serial?.toString('hex') ?? null,
  }
}
