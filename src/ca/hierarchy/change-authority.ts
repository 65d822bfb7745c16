import { CaError } from '../../errors.ts'
import type { AuditEntry } from '../../store/commands.ts'
import type { Store } from '../../store/store.ts'

export interface AuthorityChange {
  /** Makes it the one that issues where a request names none. */
  readonly isDefault?: true | undefined
  /** A retired authority issues no more; its CRL and OCSP answers go on until its certificate ends. */
  readonly state?: 'active' | 'retired' | undefined
}

/** Throws `CaError` "conflict" for a change that would leave the service without an authority to issue with. */
export async function changeAuthority(
  store: Store,
  id: string,
  { isDefault, state }: AuthorityChange,
  audit: AuditEntry,
): Promise<void> {
  const row = (await store.read.authorities()).find((one) => one.id === id)
  if (row?.role !== 'issuing') throw new CaError('unknownAuthority', `There is no issuing authority "${id}".`)
  if (row.state === 'pending') {
    throw new CaError('conflict', `Authority "${id}" awaits its certificate; install that first.`)
  }
  const changed = { ...row, state: state ?? row.state, isDefault: isDefault ?? row.isDefault }
  if (changed.isDefault && changed.state === 'retired') {
    throw new CaError(
      'conflict',
      isDefault
        ? `Authority "${id}" is retired; make it active first.`
        : `Authority "${id}" is the default; make another one the default before you retire it.`,
    )
  }
  await store.write('recordAuthority', { ...changed, audit })
}
