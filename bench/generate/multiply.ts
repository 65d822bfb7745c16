import { randomFillSync } from 'node:crypto'
import type Database from 'better-sqlite3'
import { searchKey } from '../../src/store/columns.ts'
import { Form } from '../../src/store/shared-octets.ts'
import { chainGenerated } from './chain.ts'
import { utcTime } from './patch.ts'
import { type AuditColumns, readTemplates, type Template } from './templates.ts'

export interface Multiplication {
  /** Certificates that the database has in the end. */
  readonly rows: number
  /** How long the service is to have run, up to now. Seconds. */
  readonly span: number
  /** Milliseconds since 1970: the issuance of the last one. */
  readonly until: number
  readonly onProgress?: (rows: number) => void
}

interface Made {
  readonly id: number
  readonly serial: Buffer
  readonly names: readonly string[]
}

/** Rows in one transaction. */
const BATCH = 50_000
const DAY = 86_400

/**
 * Fills a database with copies of the certificates that it has, each with rows of its own in every table as the service would have
 * written them, in their order: token and its audit row, certificate, names, audit row; revocations some days later.
 */
export function multiply(db: Database.Database, { rows, span, until, onProgress }: Multiplication): void {
  const templates = readTemplates(db)
  const write = statements(db)
  const ids = nextIds(db)
  const missing = rows - db.prepare<[], number>('SELECT count(*) FROM certificates').pluck().get()!
  const start = until - span * 1000
  const pack = packer(db)
  /** The newest copy of each template: what its renewal replaces. */
  const newest = new Map<number, Made>()
  const toRevoke: { template: Template; made: Made; notAfter: number; at: number }[] = []

  function audit(
    columns: AuditColumns,
    at: number,
    actor: Buffer | string,
    target: bigint | string,
    detail: string,
  ) {
    const { action, result, address, request_id } = columns
    write.audit.run(ids.audit, at, action, result, actor, address, request_id, target, detail)
    return ids.audit++
  }

  function issue(template: Template, at: number, number: number): void {
    const { certificate: like, token } = template
    const replaced = like.replaces === null ? undefined : newest.get(like.replaces)
    const made: Made = {
      id: ids.certificate++,
      serial: randomSerial(),
      names: replaced?.names ?? template.names.map((name) => renamed(name, number)),
    }
    newest.set(template.id, made)
    const texts = (text: string) =>
      template.names.reduce((changed, name, n) => changed.replaceAll(name, made.names[n]!), text)
    const seconds = Math.floor(at / 1000)
    const notBefore = seconds + like.not_before - Math.floor(like.issued_ms / 1000)
    const notAfter = notBefore + like.not_after - like.not_before
    let actor: Buffer | string = replaced?.serial ?? like.principal
    if (token) {
      const id = ids.token++
      const created = seconds - 1
      actor = `token:${id}`
      const expires = created + token.expires_at - token.created_at
      const hash = randomFillSync(Buffer.allocUnsafe(32))
      write.token.run(
        id,
        hash,
        token.profile,
        texts(token.names),
        expires,
        created,
        token.created_by,
        seconds,
        made.serial,
      )
      if (template.tokenAudit)
        audit(
          template.tokenAudit,
          at - 1000,
          template.tokenAudit.actor,
          '',
          texts(template.tokenAudit.detail),
        )
    }
    const der = template.patch.with({ serial: made.serial, names: made.names, notBefore, notAfter })
    write.certificate.run(
      ...[
        made.id,
        made.serial,
        like.authority,
        like.profile,
        notBefore,
        notAfter,
        at,
        replaced?.id ?? null,
        actor,
      ],
      ...[
        texts(like.subject),
        texts(like.names),
        like.key_hash,
        pack(like.form, der),
        like.partition,
        like.form,
      ],
    )
    for (const name of made.names) write.name.run(searchKey(name), made.id)
    const detail = replaced
      ? template.issueAudit.detail.replace(
          /"replaces":"[0-9a-f]+"/,
          `"replaces":"${replaced.serial.toString('hex')}"`,
        )
      : template.issueAudit.detail
    audit(template.issueAudit, at, actor, BigInt(made.id), detail)
    if (template.revocation)
      toRevoke.push({ template, made, notAfter, at: at + (1 + (number % 60)) * DAY * 250 })
  }

  function revoke(at: number, { template, made, notAfter }: (typeof toRevoke)[number]): void {
    const { row, audit: like } = template.revocation!
    const entry = Buffer.from(row.entry)
    made.serial.copy(entry, entry.indexOf(template.certificate.serial))
    entry.write(utcTime(Math.floor(at / 1000)), entry.indexOf(utcTime(row.revoked_at)), 'latin1')
    const change = audit(like, at, like.actor, BigInt(made.id), like.detail)
    const revokedAt = Math.floor(at / 1000)
    write.revocation.run(
      ...[
        made.id,
        row.authority,
        notAfter,
        row.partition,
        revokedAt,
        row.reason,
        row.invalidity_date,
        change,
        entry,
      ],
    )
  }

  for (let done = 0; done < missing; ) {
    const end = Math.min(missing, done + BATCH)
    db.transaction(() => {
      for (; done < end; done++) {
        const at = Math.floor(start + ((until - start) * (done + 1)) / missing)
        while (toRevoke[0] && toRevoke[0].at <= at) revoke(at, toRevoke.shift()!)
        issue(templates[done % templates.length]!, at, done)
      }
    })()
    onProgress?.(done)
  }
  chainGenerated(db)
}

function statements(db: Database.Database) {
  const insert = (table: string, columns: string) => {
    const marks = columns.split(',').map(() => '?')
    return db.prepare<unknown[]>(`INSERT INTO ${table} (${columns}) VALUES (${marks.join(', ')})`)
  }
  return {
    token: insert(
      'tokens',
      'id, hash, profile, names, expires_at, created_at, created_by, spent_at, spent_on',
    ),
    audit: insert('audit', 'id, at, action, result, actor, address, request_id, target, detail'),
    certificate: insert(
      'certificates',
      'id, serial, authority, profile, not_before, not_after, issued_ms, replaces, principal, subject, names, key_hash, der, partition, form',
    ),
    name: db.prepare<unknown[]>(
      'INSERT INTO certificate_names (name, certificate) VALUES (?, ?) ON CONFLICT DO NOTHING',
    ),
    revocation: insert(
      'revocations',
      'certificate, authority, not_after, partition, revoked_at, reason, invalidity_date, change, entry',
    ),
  }
}

function nextIds(db: Database.Database) {
  const after = (table: string) =>
    db.prepare<[], number>(`SELECT coalesce(max(id), 0) + 1 FROM ${table}`).pluck().get()!
  return { certificate: after('certificates'), audit: after('audit'), token: after('tokens') }
}

/** By the form that the template has. */
function packer(db: Database.Database): (form: number | null, der: Buffer) => Buffer {
  const rows = db.prepare<[], { id: number; der: Buffer }>('SELECT id, der FROM certificate_forms').all()
  const forms = new Map(rows.map(({ id, der }) => [id, new Form(der)]))
  return (form, der) => (form === null ? der : forms.get(form)!.pack(der))
}

const pool = Buffer.allocUnsafe(20 * 1024)
let drawn = pool.length

/** As `newSerialNumber` makes them. */
function randomSerial(): Buffer {
  if (drawn === pool.length) {
    randomFillSync(pool)
    drawn = 0
  }
  const serial = Buffer.from(pool.subarray(drawn, drawn + 20))
  drawn += 20
  serial[0] = (serial[0]! & 0x3f) | 0x40
  return serial
}

/** Another name of the same length: the first label of a DNS name becomes one that no other number gives. */
function renamed(name: string, number: number): string {
  const length = name.indexOf('.')
  if (length < 9 || name.includes(':')) return name
  // A bijection on 36^7, so that neighbours in time are none in the index.
  const scrambled = (BigInt(number) * 48_271_000_003n) % 78_364_164_096n
  return `${name[0]}${scrambled.toString(36).padStart(length - 1, '0')}${name.slice(length)}`
}
