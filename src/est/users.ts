import type { Origin, Principal } from '../auth/principal.ts'
import { hashSecret, newSecret } from '../auth/secrets.ts'
import { auditEntry } from '../ca/audit.ts'
import { readNamePattern } from '../ca/policy/name-patterns.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import type { Labels } from './labels.ts'

export interface EstUserWish {
  /** As it stands before the colon in HTTP Basic. */
  readonly name: string
  /** The only label that it opens; null: any. */
  readonly label: string | null
  /** As `readNamePattern` takes them; null: those of the label. */
  readonly names: readonly string[] | null
  /** Seconds; null: for ever. */
  readonly ttl: number | null
}

/** A user name needs no colon (RFC 7617 2) and no quoting anywhere. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/

/** Makes a user with a generated password, which is shown this once. Throws `CaError` "malformedRequest", "badName" or "conflict". */
export async function createEstUser(
  wish: EstUserWish,
  admin: Principal,
  origin: Origin,
  { store, clock, labels }: { store: Store; clock: Clock; labels: Labels },
): Promise<{ password: string; expiresAt: number | null }> {
  const { name, label, ttl } = wish
  if (!NAME.test(name)) {
    throw new CaError(
      'malformedRequest',
      'The name of an EST user is 1 to 63 letters, digits, dots, hyphens, underscores and at-signs, a letter or digit first.',
    )
  }
  // Its name would be taken for good, by a user that opens nothing.
  if (ttl !== null && ttl < 1) throw new CaError('malformedRequest', 'A user lives for at least one second.')
  if (label !== null && !labels.get(label).options.auth.includes('basic')) {
    throw new CaError(
      'malformedRequest',
      `Label "${label}" takes no passwords: see est.labels.${label}.auth.`,
    )
  }
  const names = wish.names?.map(readNamePattern) ?? null
  const password = newSecret('estUser')
  const now = clock()
  const expiresAt = ttl === null ? null : epochSeconds(now) + ttl
  await store.write('createEstUser', {
    ...{ name, label, names, expiresAt },
    hash: hashSecret(password),
    createdAt: epochSeconds(now),
    createdBy: admin.id,
    audit: auditEntry('estUser.create', 'ok', name, admin, origin, now, { label, names }),
  })
  return { password, expiresAt }
}
