import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import Database from 'better-sqlite3'
import { encodeCrlEntry } from '../../src/pki/crl/entry.ts'
import { readNames, searchKey } from '../../src/store/columns.ts'
import { Form, unpack } from '../../src/store/shared-octets.ts'
import { chainGenerated } from './chain.ts'

/** A row of a certificate that the CA issued, from which others are made. */
interface Template {
  readonly id: number
  readonly serial: Buffer
  readonly names: string
  readonly subject: string
  readonly der: Buffer
  readonly form: number | null
}

/** Half of what a busy CA revokes was superseded. CRLReason. */
const REASONS = [4, 4, 4, 4, 1, 5, 3, 0]

/**
 * Adds `count` certificates and their revocations to a CA's database, which no service has open: the rows of its newest certificate
 * again, with serial numbers, names and key hashes of their own. Their signatures are the template's, so they verify nowhere.
 * `perSecond`: how many were revoked in one second.
 */
export function addRevoked(file: string, count: number, perSecond = 50): void {
  const db = new Database(file, { fileMustExist: true })
  try {
    // Nothing is lost if this machine fails half-way: whoever wants such a database makes another.
    db.pragma('journal_mode = OFF')
    db.pragma('synchronous = OFF')
    db.pragma('foreign_keys = OFF')
    db.pragma('cache_size = -200000')
    const template = db
      .prepare<[], Template>(
        'SELECT id, serial, names, subject, der, form FROM certificates ORDER BY id DESC LIMIT 1',
      )
      .get()
    if (!template) throw new Error('the database has no certificate to take as a template: issue one')
    const rebuildIndexes = dropIndexes(db)
    const add = rowsLike(db, template, count, perSecond)
    db.transaction(() => {
      for (let i = 0; i < count; i++) add(i)
    })()
    chainGenerated(db)
    rebuildIndexes()
    // Nobody knows what the CRL on record knew of: the next one is due at once, and deltas count from it.
    db.exec('UPDATE crls SET through = -1, base_through = -1')
    db.pragma('journal_mode = WAL')
  } finally {
    db.close()
  }
}

/** An index of a million rows is sorted in a second, and takes many to grow row by row. */
function dropIndexes(db: Database.Database): () => void {
  const indexes = db
    .prepare<[], { name: string; sql: string }>(
      `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
       AND tbl_name IN ('certificates', 'audit', 'revocations')`,
    )
    .all()
  for (const { name } of indexes) db.exec(`DROP INDEX ${name}`)
  return () => {
    for (const { sql } of indexes) db.exec(sql)
  }
}

function rowsLike(db: Database.Database, template: Template, count: number, perSecond: number) {
  db.prepare("INSERT INTO words (text) VALUES ('certificate.revoke') ON CONFLICT DO NOTHING").run()
  db.exec(
    `CREATE TEMP TABLE template AS SELECT * FROM certificates WHERE id = ${template.id};
     CREATE TEMP TABLE issue AS SELECT * FROM audit WHERE target = ${template.id}`,
  )
  const certificate = db.prepare(
    `INSERT INTO certificates (id, serial, authority, profile, not_before, not_after, issued_ms, principal, subject,
       names, key_hash, der, partition, form)
     SELECT :id, :serial, authority, profile, not_before, not_after, issued_ms, principal, replace(subject, :oldLabel, :label),
       replace(names, :oldLabel, :label), :keyHash, :der, partition, form FROM template`,
  )
  const name = db.prepare('INSERT INTO certificate_names (name, certificate) VALUES (?, ?)')
  const audit = db.prepare(
    `INSERT INTO audit (at, action, result, actor, address, request_id, target, detail)
     SELECT at, action, result, actor, address, request_id, :target, detail FROM issue`,
  )
  const revocationAudit = db.prepare(
    `INSERT INTO audit (at, action, result, actor, address, request_id, target, detail)
     SELECT :at, key, 'ok', 'admin:bench', '127.0.0.1', :requestId, :target, :detail FROM words
     WHERE text = 'certificate.revoke'`,
  )
  const revocation = db.prepare(
    `INSERT INTO revocations (certificate, authority, not_after, partition, revoked_at, reason, change, entry)
     SELECT :id, authority, not_after, partition, :revokedAt, :reason, :change, :entry FROM template`,
  )
  const now = Math.floor(Date.now() / 1000)
  const value = readNames(template.names)[0]!.value
  const oldLabel = value.split('.')[0]!
  const [packed, serialAt] = packedWithSerial(db, template)
  const placesOfLabel = placesOf(packed, Buffer.from(oldLabel))
  const details = REASONS.map((reason) => JSON.stringify({ reason }))
  return (i: number) => {
    const id = template.id + 1 + i
    const serial = randomBytes(20)
    serial[0] = 0x40 | (serial[0]! & 0x3f)
    // Names are kept back to front: the digits are too, so that they rise there.
    const digits = [...String(i).padStart(oldLabel.length - 1, '0')].reverse().join('')
    const label = `r${digits}`
    if (label.length !== oldLabel.length) throw new Error(`"${oldLabel}" is too short for ${count} names`)
    const der = Buffer.from(packed)
    serial.copy(der, serialAt)
    for (const at of placesOfLabel) der.write(label, at, 'latin1')
    certificate.run({ id, serial, oldLabel, label, keyHash: randomBytes(32), der })
    name.run(searchKey(value.replace(oldLabel, label)), id)
    // In a column for anything, a plain number is a real one.
    const target = BigInt(id)
    audit.run({ target })
    const revokedAt = now - Math.floor((count - i) / perSecond)
    const reason = REASONS[i % REASONS.length]!
    const { lastInsertRowid: change } = revocationAudit.run({
      ...{ at: revokedAt * 1000, requestId: `bench-${i.toString(36)}`, target },
      detail: details[i % REASONS.length],
    })
    const entry = encodeCrlEntry({
      serialNumber: serial.toString('hex'),
      revokedAt,
      reason,
      invalidityDate: null,
    })
    revocation.run({ id, revokedAt, reason, change, entry })
  }
}

/** As the certificate stands in its row, and where its serial number is: one from which a form was made has none of its own. */
function packedWithSerial(db: Database.Database, { form, der, serial }: Template): [Buffer, number] {
  if (form === null) return [der, der.indexOf(serial)]
  const find = db.prepare<[number], Buffer>('SELECT der FROM certificate_forms WHERE id = ?').pluck()
  const octets = find.get(form)!
  const whole = Buffer.from(unpack(der, octets))
  const other = randomBytes(serial.length)
  other.copy(whole, whole.indexOf(serial))
  const packed = new Form(octets).pack(whole)
  return [packed, packed.indexOf(other)]
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
