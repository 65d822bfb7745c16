import type Database from 'better-sqlite3'
import { certificateUnpacker, type PackedDer } from '../../src/store/read/certificate-der.ts'
import { Patch } from './patch.ts'

/** A certificate that was really issued, with all rows that came with it. */
export interface Template {
  readonly id: number
  readonly certificate: CertificateColumns
  readonly patch: Patch
  /** Names as the index has them, with the place of each one's first label. */
  readonly names: readonly string[]
  readonly token: TokenColumns | null
  readonly issueAudit: AuditColumns
  readonly tokenAudit: AuditColumns | null
  readonly revocation: { readonly row: RevocationColumns; readonly audit: AuditColumns } | null
}

export interface CertificateColumns extends PackedDer {
  readonly id: number
  readonly serial: Buffer
  readonly authority: number
  readonly profile: number
  readonly not_before: number
  readonly not_after: number
  readonly issued_ms: number
  readonly replaces: number | null
  readonly principal: Buffer | string
  readonly subject: string
  readonly names: string
  readonly key_hash: Buffer
  readonly partition: number | null
}

export interface TokenColumns {
  readonly id: number
  readonly profile: string
  readonly names: string
  readonly expires_at: number
  readonly created_at: number
  readonly created_by: string
  readonly spent_at: number
}

export interface AuditColumns {
  readonly action: number
  readonly result: string
  readonly actor: Buffer | string
  readonly address: string
  readonly request_id: string
  readonly detail: string
}

export interface RevocationColumns {
  readonly authority: number
  readonly partition: number | null
  readonly reason: number
  readonly invalidity_date: number | null
  readonly revoked_at: number
  readonly entry: Buffer
}

/** All certificates but the service's own, oldest first. */
export function readTemplates(db: Database.Database): Template[] {
  const unpacked = certificateUnpacker(db)
  const all = <T>(sql: string, ...values: unknown[]) => db.prepare<unknown[], T>(sql).all(...values)
  const one = <T>(sql: string, ...values: unknown[]) => all<T>(sql, ...values)[0] ?? null
  const word = (text: string) => one<{ key: number }>('SELECT key FROM words WHERE text = ?', text)?.key ?? -1
  const tokenAudits = all<AuditColumns>(
    'SELECT * FROM audit WHERE action = ? ORDER BY id',
    word('token.create'),
  )
  const tokens = all<TokenColumns>('SELECT * FROM tokens ORDER BY id')
  const auditOf = (id: number, actions: readonly number[]) =>
    one<AuditColumns>(
      `SELECT * FROM audit WHERE target = ? AND action IN (${actions.join(', ')})`,
      BigInt(id),
    )
  const issue = [word('certificate.issue'), word('certificate.renew')]
  const certificates = all<CertificateColumns>(
    "SELECT * FROM certificates WHERE principal NOT LIKE 'system:%' ORDER BY id",
  )
  return certificates.map((certificate) => {
    const { id, serial, names } = certificate
    const at = tokens.findIndex((token) => token.id === tokenIdOf(certificate.principal))
    const revocation = one<RevocationColumns>('SELECT * FROM revocations WHERE certificate = ?', id)
    const der = unpacked(certificate)
    const texts = (JSON.parse(names) as string[]).map((name) => name.slice(name.indexOf(':') + 1))
    return {
      ...{ id, certificate, names: texts, token: tokens[at] ?? null, tokenAudit: tokenAudits[at] ?? null },
      patch: new Patch({
        der,
        serial,
        names: texts,
        notBefore: certificate.not_before,
        notAfter: certificate.not_after,
      }),
      issueAudit: auditOf(id, issue)!,
      revocation: revocation && {
        row: revocation,
        audit: auditOf(id, [word('certificate.revoke')])!,
      },
    }
  })
}

function tokenIdOf(principal: Buffer | string): number {
  return typeof principal === 'string' && principal.startsWith('token:') ? Number(principal.slice(6)) : -1
}
