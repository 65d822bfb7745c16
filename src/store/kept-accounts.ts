import { RecentMap } from '../recent-map.ts'
import type { AcmeAccountRow } from './acme-queries.ts'
import type { CommandKind } from './commands.ts'
import type { Store } from './store.ts'

/** Accounts that are remembered; the one that was used longest ago is forgotten first. */
const MOST = 10_000
/** Each command that changes what an account's row says. */
const CHANGES: ReadonlySet<CommandKind> = new Set<CommandKind>(['updateAcmeAccount', 'rollAcmeAccountKey'])

/**
 * ACME asks for the account at each request. A row is remembered until a command has changed some account, and is forgotten before
 * that command's caller hears of it, whether it succeeded or may have. Only one process writes. `forget` is to be called when writes
 * are taken again: what was in doubt may have taken effect after its caller heard, and after the row was read anew.
 */
export function keepAccounts(
  store: Pick<Store, 'write'> & { readonly read: Pick<Store['read'], 'acmeAccount'> },
) {
  const known = new RecentMap<number, Readonly<AcmeAccountRow>>(MOST)
  let changes = 0
  const acmeAccount: Store['read']['acmeAccount'] = async (accountId) => {
    const before = changes
    const row = known.get(accountId) ?? (await store.read.acmeAccount(accountId))
    // What was read before a change is not kept after it.
    if (!row || changes !== before) return row
    known.set(accountId, row)
    return row
  }
  const forget = () => {
    changes++
    known.clear()
  }
  const write: Store['write'] = (kind, input) => {
    const written = store.write(kind, input)
    return CHANGES.has(kind) ? written.finally(forget) : written
  }
  return { acmeAccount, write, forget }
}
