import { CaError } from '../../errors.ts'
import type {
  AuthorityChange,
  AuthorityInstallation,
  AuthorityRecord,
  PhaseChange,
} from '../authority-commands.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'
import { authorityKeys } from './authority-keys.ts'
import { publicationWriter, wholeOf } from './crl.ts'

interface Standing {
  state: AuthorityRecord['state']
  isDefault: number
  certificate: Buffer | null
  replaces: number | null
}

export function authorityHandlers(db: Connection) {
  const writeAudit = auditWriter(db)
  const insert = db.prepare(
    `INSERT INTO authorities (id, role, state, is_default, certificate, chain, csr, key_file, hash, created_at,
       published_at, replaces)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  const keyOf = authorityKeys(db)
  const publish = publicationWriter(db)
  const find = db.prepare<[string], Standing>(
    `SELECT state, is_default AS isDefault, certificate, replaces FROM authorities WHERE id = ? AND role = 'issuing'`,
  )
  const hasDefault = db.prepare<[], number>('SELECT 1 FROM authorities WHERE is_default = 1').pluck()
  const hasCertificate = db
    .prepare<[Uint8Array], number>('SELECT 1 FROM authorities WHERE certificate = ?')
    .pluck()
  const clearDefault = db.prepare('UPDATE authorities SET is_default = 0 WHERE is_default = 1')
  const setDefault = db.prepare('UPDATE authorities SET is_default = 1 WHERE id = ?')
  // One that comes back stands in bundles anew, itself or its CRL: whoever read them meanwhile has lost it.
  const move = db.prepare(
    `UPDATE authorities SET state = $to, changed_at = $at,
       published_at = CASE WHEN $comesBack THEN $at ELSE published_at END
     WHERE id = $id AND state = $from`,
  )
  const unable = db.prepare("SELECT 1 FROM authorities WHERE is_default = 1 AND state <> 'active'").pluck()
  const install = db.prepare(
    'UPDATE authorities SET certificate = ?, chain = ?, published_at = coalesce(published_at, ?) WHERE id = ?',
  )

  function add(record: Omit<AuthorityRecord, 'audit'>): boolean {
    const { id, role, state, isDefault, certificate, chain, csr, keyFile, hash, createdAt } = record
    const { changes } = insert.run(
      ...[id, role, state, isDefault ? 1 : 0, certificate, chainColumn(chain), csr, keyFile, hash, createdAt],
      certificate && createdAt,
      record.replaces === null ? null : keyOf(record.replaces),
    )
    return changes === 1
  }

  function standingOf(id: string): Standing {
    const standing = find.get(id)
    if (!standing) throw new CaError('unknownAuthority', `There is no issuing authority "${id}".`)
    return standing
  }

  function addAbove({ ids, crl, ...one }: AuthorityInstallation['above'][number], createdAt: number): void {
    const bare = { isDefault: false, csr: null, keyFile: null, hash: null, replaces: null }
    const elsewhere = { ...bare, ...one, state: 'active', createdAt } as const
    const free = ids.find((id) => add({ ...elsewhere, id }))
    if (free === undefined)
      throw new CaError(
        'conflict',
        `The ${one.role} above it cannot be recorded: ${ids.join(' and ')} are other authorities.`,
      )
    if (crl) publish(wholeOf({ ...crl, authority: free }))
  }

  return {
    recordAuthority(record: AuthorityRecord) {
      if (!add(record)) {
        throw new CaError(
          'conflict',
          `There is an authority "${record.id}" already${record.isDefault ? ', or another default' : ''}.`,
        )
      }
      writeAudit(record.audit)
      return {}
    },

    installAuthority({ id, replaces, certificate, chain, above, installedAt, audit }: AuthorityInstallation) {
      const standing = standingOf(id)
      if (!sameOctets(standing.certificate, replaces)) {
        throw new CaError(
          'conflict',
          `Authority "${id}" was given another certificate meanwhile. Look at it, then try again.`,
        )
      }
      for (const one of above) if (!hasCertificate.get(one.certificate)) addAbove(one, installedAt)
      install.run(certificate, chainColumn(chain), installedAt, id)
      if (standing.state === 'pending') {
        move.run({
          id,
          from: standing.state,
          to: standing.replaces === null ? 'active' : 'staged',
          at: installedAt,
          comesBack: 0,
        })
        if (standing.replaces === null && !hasDefault.get()) setDefault.run(id)
      }
      writeAudit(audit)
      return {}
    },

    /** Read and written in one step, so that of two changes at once the second is judged by what the first one left. */
    changeAuthority({ id, isDefault, state, audit }: AuthorityChange) {
      const standing = standingOf(id)
      if (standing.state === 'pending') {
        throw new CaError('conflict', `Authority "${id}" awaits its certificate; install that first.`)
      }
      if (standing.state === 'staged') {
        throw new CaError('conflict', `Authority "${id}" is staged: "authority activate" lets it issue.`)
      }
      const next = {
        state: state ?? standing.state,
        isDefault: isDefault === true || standing.isDefault === 1,
      }
      if (next.isDefault && next.state === 'retired') {
        throw new CaError(
          'conflict',
          isDefault
            ? `Authority "${id}" is retired; make it active first.`
            : `Authority "${id}" is the default; make another one the default before you retire it.`,
        )
      }
      if (next.isDefault) {
        clearDefault.run()
        setDefault.run(id)
      }
      // What had left the bundles is refused before, and none of these checks can be forced.
      const moved = { id, from: standing.state, to: next.state, comesBack: 0 }
      if (moved.to !== moved.from) move.run({ ...moved, at: Math.floor(audit.at / 1000) })
      writeAudit(audit)
      return {}
    },

    changePhases({ moves, default: chosen, at, audit }: PhaseChange) {
      for (const { id, from, to, comesBack = false } of moves) {
        if (move.run({ id, from, to, at, comesBack: Number(comesBack) }).changes === 0)
          throw new CaError(
            'conflict',
            `Authority "${id}" was changed meanwhile. Look at it, then try again.`,
          )
      }
      if (chosen !== null) {
        clearDefault.run()
        setDefault.run(chosen)
      }
      if (unable.get()) {
        throw new CaError(
          'conflict',
          'The default authority would not issue: activate the one that takes its place, or make another the default first.',
        )
      }
      writeAudit(audit)
      return {}
    },
  }
}

function chainColumn(chain: readonly Uint8Array[]): string {
  return JSON.stringify(chain.map((der) => Buffer.from(der).toString('base64')))
}

function sameOctets(one: Uint8Array | null, other: Uint8Array | null): boolean {
  return one === null || other === null ? one === other : Buffer.compare(one, other) === 0
}
