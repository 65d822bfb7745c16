import type { Origin, Principal } from '../auth/principal.ts'
import { CaError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { auditEntry, markAudited } from './audit.ts'

/** Characters of a refusal's words that the audit log keeps. */
const LONGEST_DETAIL = 1000

/** Puts it on record that no certificate was issued, before the caller hears why. `target`: what was to be renewed. */
export async function auditRefusal(
  error: unknown,
  store: Store,
  {
    target,
    principal,
    origin,
    now,
    facts = {},
  }: {
    target: string
    principal: Principal
    origin: Origin
    now: Date
    facts?: Record<string, unknown>
  },
): Promise<void> {
  const { code, detail } = error instanceof CaError ? error : new CaError('internal', '')
  if (isWorthARow(code, principal)) {
    await store.write(
      'audit',
      auditEntry(
        'certificate.refuse',
        code === 'internal' ? 'failed' : 'refused',
        target,
        principal,
        origin,
        now,
        // A hundred long names can stand in a detail.
        { code, detail: code === 'internal' ? 'see the log' : detail.slice(0, LONGEST_DETAIL), ...facts },
      ),
    )
  }
  markAudited(error)
}

function isWorthARow(code: CaError['code'], principal: Principal): boolean {
  // Nobody was refused, and there is nothing that could be written.
  if (code === 'storeFailed' || code === 'overloaded') return false
  if (code === 'internal') return true
  // That an admin refused is on record; the caller may ask again and again.
  if (code === 'requestRefused') return false
  // Anybody may have an account: what it tries is in the request log.
  if (principal.kind === 'account') return false
  // The token's one use is audited; its holder must not be able to fill the store afterwards.
  return principal.kind !== 'token' || principal.token.spentOn === null
}
