import { type Clock, epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import type { SubjectName } from '../pki/names/san.ts'
import type { AuditEntry } from '../store/commands.ts'
import type { TokenRow } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import type { Principal } from './principal.ts'
import { hashSecret, newSecret } from './secrets.ts'

/** An enrolment token is a secret in someone's hands: it should not lie about for longer. Seconds. */
export const LONGEST_TOKEN = 30 * 24 * 3600

export interface TokenWish {
  readonly profile: string
  readonly names: readonly SubjectName[]
  /** Seconds. */
  readonly ttl: number
}

export interface NewToken {
  readonly tokenId: number
  /** Shown once: the store keeps only its hash. */
  readonly token: string
  readonly expiresAt: number
}

/** The holder of a token, whatever has become of it. */
export function tokenHolder({ tokenId, profile, names, expiresAt, spentOn, request }: TokenRow): Principal {
  const token = { tokenId, profile, names, expiresAt, spentOn, requestId: request?.requestId ?? null }
  return { kind: 'token', id: `token:${tokenId}`, token }
}

/** Makes a one-time token for one certificate of this profile with at most these names. */
export async function createToken(
  wish: TokenWish,
  admin: Principal,
  audit: AuditEntry,
  { store, clock }: { store: Store; clock: Clock },
): Promise<NewToken> {
  if (wish.names.length === 0) {
    throw new CaError(
      'malformedRequest',
      'A token names what it may enrol: give at least one of dns, ip, uri, email.',
    )
  }
  if (wish.ttl < 1 || wish.ttl > LONGEST_TOKEN) {
    throw new CaError('malformedRequest', 'A token lives for at least one second and at most 30 days.')
  }
  const now = epochSeconds(clock())
  const token = newSecret('token')
  const expiresAt = now + wish.ttl
  const { tokenId } = await store.write('createToken', {
    hash: hashSecret(token),
    profile: wish.profile,
    names: wish.names,
    expiresAt,
    createdAt: now,
    createdBy: admin.id,
    audit,
  })
  return { tokenId, token, expiresAt }
}
