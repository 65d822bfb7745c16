import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import Database from 'better-sqlite3'
import { encodeCrlEntry } from '../../src/pki/crl/entry.ts'
import { readNames, searchKey } from '../../src/store/columns.ts'

/** A row of a certificate that the CA issued, from which others are made. */
interface Template {
  readonly id: number
  readonly serial: Buffer
  readonly names: string
  readonly subject: string
  readonly der: Buffer
}

/** Half of what a busy CA revokes was superseded. CRLReason. */
const REASONS = [4, 4, 4, 4, 1, 5, 3, 0]
const STEP = 20_000

/**
 * Adds `count` certificates and their revocations to a CA's database, which no service has open: the rows of its newest certificate
 * again, with serial numbers, names and key hashes of their own. Their signatures are the template's, so they verify nowhere.
 * `perSecond`: how many were revoked in one second.
 */
export function addRevoked(file: string, count: number, perSecond = 50): void {
  const db = new Database(file, { fileMustExist: true })
  try {
    // Nothing is lost if this machine fails half-way: whoever wants such a database makes another.
    db.pragma('synchronous = OFF')
    db.pragma('cache_size = -1000000')
    const template = db
      .prepare<[], Template>(
        'SELECT id, serial, names, subject, der FROM certificates ORDER BY id DESC LIMIT 1',
      )
      .get()
    if (!template) throw new Error('the database has no certificate to take as a template: issue one')
    const add = rowsLike(db, template, count, perSecond)
    const step = db.transaction((from: number) => {
      for (let i = from; i < Math.min(count, from + STEP); i++) add(i)
    })
    for (let from = 0; from < count; from += STEP) step(from)
    // Nobody knows what the CRL on record knew of: the next one is due at once, and deltas count from it.
    db.exec('UPDATE crls SET through = -1, base_through = -1')
    db.pragma('wal_checkpoint(TRUNCATE)')
  } finally {
    db.close()
  }
}

function rowsLike(db: Database.Database, template: Template, count: number, perSecond: number) {
  db.prepare("INSERT INTO words (text) VALUES ('certificate.revoke') ON CONFLICT DO NOTHING").run()
  const certificate = db.prepare(
    `INSERT INTO certificates (serial, authority, profile, not_before, not_after, issued_ms, replaces, principal, subject,
       names, key_hash, der, partition)
     SELECT :serial, authority, profile, not_before, not_after, issued_ms, NULL, principal, replace(subject, :oldLabel, :label),
       replace(names, :oldLabel, :label), :keyHash, :der, partition FROM certificates WHERE id = :template`,
  )
  const name = db.prepare('INSERT INTO certificate_names (name, certificate) VALUES (?, ?)')
  const audit = db.prepare(
    `INSERT INTO audit (at, action, result, actor, address, request_id, target, detail)
     SELECT at, action, result, actor, address, request_id, :serial, detail FROM audit
     WHERE target = :old AND action = (SELECT key FROM words WHERE text = 'certificate.issue')`,
  )
  const revocationAudit = db.prepare(
    `INSERT INTO audit (at, action, result, actor, address, request_id, target, detail)
     SELECT :at, key, 'ok', 'admin:bench', '127.0.0.1', :requestId, :serial, :detail FROM words
     WHERE text = 'certificate.revoke'`,
  )
  const revocation = db.prepare(
    `INSERT INTO revocations (certificate, authority, not_after, partition, revoked_at, reason, change, entry)
     SELECT id, authority, not_after, partition, :revokedAt, :reason, :change, :entry FROM certificates WHERE id = :id`,
  )
  const now = Math.floor(Date.now() / 1000)
  const value = readNames(template.names)[0]!.value
  const oldLabel = value.split('.')[0]!
  const serialAt = template.der.indexOf(template.serial)
  const placesOfLabel = placesOf(template.der, Buffer.from(oldLabel))
  return (i: number) => {
    const serial = randomBytes(20)
    serial[0] = 0x40 | (serial[0]! & 0x3f)
    const label = `r${String(i).padStart(oldLabel.length - 1, '0')}`
    if (label.length !== oldLabel.length) throw new Error(`"${oldLabel}" is too short for ${count} names`)
    const der = Buffer.from(template.der)
    serial.copy(der, serialAt)
    for (const at of placesOfLabel) der.write(label, at, 'latin1')
    const fields = { serial, oldLabel, label, keyHash: randomBytes(32), der, template: template.id }
    const id = Number(certificate.run(fields).lastInsertRowid)
    name.run(searchKey(value.replace(oldLabel, label)), id)
    audit.run({ serial, old: template.serial })
    const revokedAt = now - Math.floor((count - i) / perSecond)
    const reason = REASONS[i % REASONS.length]!
    const serialNumber = serial.toString('hex')
    const { lastInsertRowid: change } = revocationAudit.run({
      ...{ at: revokedAt * 1000, requestId: `bench-${i.toString(36)}`, serial },
      detail: JSON.stringify({ reason }),
    })
    const entry = encodeCrlEntry({ serialNumber, revokedAt, reason, invalidityDate: null })
    revocation.run({ id, revokedAt, reason, change, entry })
  }
}

function placesOf(bytes: Buffer, wanted: Buffer): number[] {
  const places: number[] = []
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) places.push(at)
  return places
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { database: { type: 'string' }, count: { type: 'string', default: '1000000' } },
  })
  if (values.database === undefined) throw new Error('give --database FILE, of a stopped service')
  addRevoked(values.database, Number(values.count))
}
