import { CaError } from '../../errors.ts'
import type { AuthorityChange, AuthorityInstallation, AuthorityRecord } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'

/** The key under which other rows name an authority. `unknownAuthority` if it was never recorded. */
export function authorityKeys(db: Connection): (id: string) => number {
  const find = db.prepare<[string], number>('SELECT key FROM authorities WHERE id = ?').pluck()
  return (id) => {
    const key = find.get(id)
    if (key === undefined)
      throw new CaError('unknownAuthority', `There is no authority "${id}" in the database.`)
    return key
  }
}

interface Standing {
  state: AuthorityRecord['state']
  isDefault: number
  certificate: Buffer | null
}

export function authorityHandlers(db: Connection) {
  const writeAudit = auditWriter(db)
  const insert = db.prepare(
    `INSERT INTO authorities (id, role, state, is_default, certificate, chain, csr, key_file, hash, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  const find = db.prepare<[string], Standing>(
    `SELECT state, is_default AS isDefault, certificate FROM authorities WHERE id = ? AND role = 'issuing'`,
  )
  const hasDefault = db.prepare<[], number>('SELECT 1 FROM authorities WHERE is_default = 1').pluck()
  const hasCertificate = db
    .prepare<[Uint8Array], number>('SELECT 1 FROM authorities WHERE certificate = ?')
    .pluck()
  const clearDefault = db.prepare('UPDATE authorities SET is_default = 0 WHERE is_default = 1')
  const stand = db.prepare('UPDATE authorities SET state = ?, is_default = ? WHERE id = ?')
  const install = db.prepare('UPDATE authorities SET certificate = ?, chain = ? WHERE id = ?')

  function add(record: Omit<AuthorityRecord, 'audit'>): boolean {
    const { id, role, state, isDefault, certificate, chain, csr, keyFile, hash, createdAt } = record
    const flag = isDefault ? 1 : 0
    return (
      insert.run(id, role, state, flag, certificate, chainColumn(chain), csr, keyFile, hash, createdAt)
        .changes === 1
    )
  }

  function standingOf(id: string): Standing {
    const standing = find.get(id)
    if (!standing) throw new CaError('unknownAuthority', `There is no issuing authority "${id}".`)
    return standing
  }

  function addRoot({ ids, certificate }: AuthorityInstallation['root'], createdAt: number): void {
    const bare = { isDefault: false, chain: [], csr: null, keyFile: null, hash: null }
    const root = { ...bare, role: 'root', state: 'active', certificate, createdAt } as const
    if (!ids.some((id) => add({ ...root, id })))
      throw new CaError(
        'conflict',
        `The root cannot be recorded: ${ids.join(' and ')} are other authorities.`,
      )
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

    installAuthority({ id, replaces, certificate, chain, root, installedAt, audit }: AuthorityInstallation) {
      const standing = standingOf(id)
      if (!sameOctets(standing.certificate, replaces)) {
        throw new CaError(
          'conflict',
          `Authority "${id}" was given another certificate meanwhile. Look at it, then try again.`,
        )
      }
      if (!hasCertificate.get(root.certificate)) addRoot(root, installedAt)
      install.run(certificate, chainColumn(chain), id)
      if (standing.state === 'pending') stand.run('active', hasDefault.get() ? 0 : 1, id)
      writeAudit(audit)
      return {}
    },

    /** Read and written in one step, so that of two changes at once the second is judged by what the first one left. */
    changeAuthority({ id, isDefault, state, audit }: AuthorityChange) {
      const standing = standingOf(id)
      if (standing.state === 'pending') {
        throw new CaError('conflict', `Authority "${id}" awaits its certificate; install that first.`)
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
      if (next.isDefault) clearDefault.run()
      stand.run(next.state, next.isDefault ? 1 : 0, id)
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
