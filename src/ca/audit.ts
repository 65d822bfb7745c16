import type { Origin, Principal } from '../auth/principal.ts'
import type { AuditEntry } from '../store/commands.ts'

/** One row of the audit log: who did what to what, from where, and how it ended. `detail` never holds a secret. */
export function auditEntry(
  action: string,
  result: AuditEntry['result'],
  target: string,
  principal: Pick<Principal, 'id'> & { readonly keyId?: number },
  origin: Origin,
  now: Date,
  detail: Record<string, unknown> = {},
): AuditEntry {
  const { address, requestId } = origin
  const { id: actor, keyId } = principal
  // The name alone says which key it was; the number is for whoever compares with the list of keys.
  const facts = keyId === undefined ? detail : { ...detail, adminKey: keyId }
  return { at: now.getTime(), actor, address, requestId, action, target, result, detail: facts }
}

/** For what the service does by itself: making the hierarchy, renewing its own certificate. */
export const SYSTEM_ORIGIN: Origin = { address: '', requestId: '', protocol: 'system' }

const audited = new WeakSet<object>()

/** Marks a refusal that has its audit row, so that whoever passes it on writes no second one. */
export function markAudited(error: unknown): void {
  if (typeof error === 'object' && error !== null) audited.add(error)
}

export function isAudited(error: unknown): boolean {
  return typeof error === 'object' && error !== null && audited.has(error)
}
