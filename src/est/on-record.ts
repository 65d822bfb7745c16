import type { Origin, Principal } from '../auth/principal.ts'
import { isAudited } from '../ca/audit.ts'
import { auditRefusal } from '../ca/refusal-audit.ts'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/store.ts'

/**
 * Does what a known caller asks for. What it is refused before policy has a say, by its CSR or the channel binding, is in the
 * audit log before it hears of it, as what policy refuses is.
 */
export async function onRecord<T>(
  principal: Principal,
  origin: Origin,
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!isAudited(error)) await auditRefusal(error, store, { target: '', principal, origin, now: clock() })
    throw error
  }
}
