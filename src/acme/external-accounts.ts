import { randomBytes } from 'node:crypto'
import type { Origin, Principal } from '../auth/principal.ts'
import { auditEntry } from '../ca/audit.ts'
import { readNamePattern } from '../ca/policy/name-patterns.ts'
import { epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import type { AcmeAccountRecord } from '../store/acme-commands.ts'
import type { AcmeContext } from './context.ts'
import { readExternalBinding } from './jws/external-account.ts'
import type { AccountKey } from './jws/jwk.ts'
import { AcmeError } from './problem.ts'

export interface ExternalKeyWish {
  /** The profiles that its accounts may order; null: all that are offered. */
  readonly profiles: readonly string[] | null
  /** As `readNamePattern` takes them; null: any. */
  readonly names: readonly string[] | null
  readonly singleUse: boolean
  /** Seconds; null: for ever. */
  readonly ttl: number | null
}

export interface NewExternalKey {
  readonly kid: string
  /** base64url, as ACME clients take it. It is not kept, and is shown this once. */
  readonly hmacKey: string
  readonly expiresAt: number | null
}

type Parts = Pick<AcmeContext, 'store' | 'clock' | 'config' | 'secrets'>

/**
 * 64 octets, as much as the longest of HS256, HS384 and HS512 can use. The first bit is 0, so that base64url begins with a
 * letter: ACME clients would take "-" for an option of their own.
 */
export function newMacKey(): Buffer {
  const secret = randomBytes(64)
  secret[0]! &= 0x7f
  return secret
}

/** A key with which accounts are bound to somebody whom an admin knows (RFC 8555 7.3.4). */
export async function createExternalKey(
  wish: ExternalKeyWish,
  admin: Principal,
  origin: Origin,
  { store, clock, config, secrets }: Parts,
): Promise<NewExternalKey> {
  const unknown = wish.profiles?.find((name) => !config.profiles.includes(name))
  if (unknown !== undefined) {
    throw new CaError(
      'unknownProfile',
      `Profile "${unknown}" is not offered over ACME. Offered: ${config.profiles.join(', ')}.`,
    )
  }
  const kid = randomBytes(12).toString('hex')
  const secret = newMacKey()
  const now = clock()
  const expiresAt = wish.ttl === null ? null : epochSeconds(now) + wish.ttl
  const names = wish.names?.map(readNamePattern) ?? null
  const { profiles, singleUse } = wish
  await store.write('createExternalKey', {
    ...{ kid, profiles, names, singleUse, expiresAt },
    sealed: await secrets.seal(secret),
    createdAt: epochSeconds(now),
    createdBy: admin.id,
    audit: auditEntry('externalKey.create', 'ok', kid, admin, origin, now, { profiles, names, singleUse }),
  })
  return { kid, hmacKey: secret.toString('base64url'), expiresAt }
}

/** No account is bound with it any more. Those that are bound already stay, with the limits that it sets. */
export function revokeExternalKey(
  kid: string,
  admin: Principal,
  origin: Origin,
  { store, clock }: Pick<Parts, 'store' | 'clock'>,
): Promise<{ changed: boolean }> {
  const now = clock()
  const audit = auditEntry('externalKey.revoke', 'ok', kid, admin, origin, now)
  return store.write('revokeExternalKey', { kid, at: epochSeconds(now), audit })
}

/** Proves the binding that a new account brings; null where it brings none. */
export async function bindExternally(
  given: unknown,
  outer: { url: string; key: AccountKey },
  { store, clock, secrets }: Parts,
): Promise<AcmeAccountRecord['external']> {
  if (given === undefined || given === null) return null
  const binding = readExternalBinding(given, { url: outer.url, accountKey: outer.key })
  const row = await store.read.externalKey(binding.kid)
  const isOpen =
    row !== null &&
    row.revokedAt === null &&
    (row.expiresAt === null || row.expiresAt > epochSeconds(clock()))
  if (!isOpen || (row.singleUse && row.usedAt !== null)) {
    throw new AcmeError(
      'unauthorized',
      'The external account key is not known, or was used, revoked or has expired. Ask an admin for a new one.',
    )
  }
  if (!binding.verify(await secrets.unseal(row.sealed))) {
    throw new AcmeError('unauthorized', 'The MAC of the external account binding does not verify.')
  }
  // What else the client put beside them says nothing, and is not kept.
  const { protected: header, payload, signature } = given as Record<string, string>
  return { kid: binding.kid, binding: JSON.stringify({ protected: header, payload, signature }) }
}
