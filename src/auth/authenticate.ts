import { timingSafeEqual } from 'node:crypto'
import { type Clock, epochSeconds, rfc3339 } from '../clock.ts'
import { CaError, type ErrorCode } from '../errors.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import type { TokenRow } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import type { Access } from './access.ts'
import type { Principal } from './principal.ts'
import { roleOf } from './roles.ts'
import { hashSecret, SECRET_PREFIX } from './secrets.ts'
import type { Session, SessionCredential } from './sessions.ts'
import { tokenHolder } from './tokens.ts'

/** What a caller shows of itself; the API takes it off the wire. */
export interface Credentials {
  readonly bearer: string | null
  /** The DER certificate whose key the peer proved in its TLS handshake. */
  readonly peerCertificate: Buffer | null
  /** The secret of a session of the console, where the address takes one. */
  readonly session?: string | null
}

export interface AuthContext {
  readonly store: Store
  readonly clock: Clock
  /** Absent: there are no sessions, and certificates give no role. */
  readonly access?: Access
}

/**
 * A bearer secret decides if there is one; else the session, else the TLS client certificate. Throws `CaError`
 * "unauthenticated".
 */
export async function authenticate(credentials: Credentials, context: AuthContext): Promise<Principal> {
  if (credentials.bearer !== null) return byBearer(credentials.bearer, context)
  if (credentials.session) return (await bySession(credentials.session, context)).principal
  if (credentials.peerCertificate) return byCertificate(credentials.peerCertificate, context)
  throw new CaError(
    'unauthenticated',
    'Say who is asking: send "Authorization: Bearer" with an enrolment token or an admin key, or a client certificate of this CA.',
  )
}

/**
 * For how long a spent token may fetch its certificate again, whose answer may have been lost. Seconds. After that it is
 * no credential: it lies in scripts and images for good.
 */
const REPLAY_AFTER_USE = 24 * 3600

/** Three parts in base64url (RFC 7515 7.1): no secret of our own looks like this. */
const JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/

async function byBearer(secret: string, context: AuthContext): Promise<Principal> {
  const { store, clock, access } = context
  if (secret.startsWith(SECRET_PREFIX.adminKey)) {
    const holder = await keyHolder(hashSecret(secret), context)
    if (holder) return holder
  } else if (secret.startsWith(SECRET_PREFIX.token)) {
    const row = await store.read.tokenByHash(hashSecret(secret))
    if (row && row.revokedAt === null) {
      const { expiresAt, spentAt, request } = row
      const now = epochSeconds(clock())
      // What a person approved is there to be fetched for as long as that is on record.
      if (spentAt !== null && !request && now >= spentAt + REPLAY_AFTER_USE) {
        throw new CaError('unauthenticated', 'The enrolment token was used up. Ask an admin for a new one.')
      }
      if (spentAt === null && now >= expiresAt && !isWaiting(request, now)) {
        throw new CaError('unauthenticated', 'The enrolment token has expired. Ask an admin for a new one.')
      }
      return tokenHolder(row)
    }
  } else if (access?.openId?.takesBearers && JWS.test(secret)) {
    return access.openId.bearer(secret)
  }
  throw new CaError(
    'unauthenticated',
    'The bearer secret is not known here: it may be mistyped, revoked, or of another CA.',
  )
}

async function keyHolder(hash: Buffer, { store, clock, access }: AuthContext): Promise<Principal | null> {
  const key = await store.read.adminKeyByHash(hash, epochSeconds(clock()))
  if (!key) return null
  access?.keyUsed(key)
  return { kind: key.role, id: `admin:${key.name}`, keyId: key.id }
}

/** Who signed in, with the role that key or certificate give by now. Throws `CaError` "unauthenticated". */
export async function bySession(
  secret: string,
  context: AuthContext,
): Promise<{ session: Session; principal: Principal }> {
  const session = context.access?.sessions.find(secret)
  const principal = session ? await stillKnown(session.credential, context) : null
  if (session && principal) return { session, principal }
  context.access?.sessions.close(secret)
  throw new CaError('unauthenticated', 'The session has ended: sign in again.')
}

/** Who opens a session, as the session will know it. Throws "unauthenticated", and "forbidden" for those without a role. */
export async function sessionSubject(
  credentials: Credentials,
  context: AuthContext,
): Promise<{ name: string; principal: Principal; credential: SessionCredential }> {
  const { bearer, peerCertificate } = credentials
  const principal = inRole(await authenticate(credentials, context))
  // An access token says until when it counts, and a session that it opened would not ask it again.
  const isLasting = bearer === null || bearer.startsWith(SECRET_PREFIX.adminKey)
  if (!principal || !isLasting) {
    throw new CaError(
      'forbidden',
      'Only admin keys, and certificates that the configuration gives a role, sign in.',
    )
  }
  const name = principal.id.replace(/^admin:/, '')
  return bearer === null
    ? { name, principal, credential: { kind: 'certificate', der: peerCertificate! } }
    : { name, principal, credential: { kind: 'adminKey', hash: hashSecret(bearer) } }
}

async function stillKnown(credential: SessionCredential, context: AuthContext): Promise<Principal | null> {
  if (credential.kind === 'openId') return credential.principal
  if (credential.kind === 'adminKey') return keyHolder(credential.hash, context)
  return inRole(await byCertificate(credential.der, context).catch(refusedAsNull))
}

/** What is said of a certificate that opens nothing (any more). */
const REFUSALS: ReadonlySet<string> = new Set<ErrorCode>([
  'unauthenticated',
  'certificateRevoked',
  'certificateExpired',
])

/** That the database cannot be read just now is no refusal. */
function refusedAsNull(error: unknown): null {
  if (error instanceof CaError && REFUSALS.has(error.code)) return null
  throw error
}

/** The holder of an admin key as it is, and of a certificate with a role as one who has it; null for others. */
export function inRole(principal: Principal | null): Principal | null {
  if (principal?.kind === 'certificate' && principal.role) return { kind: principal.role, id: principal.id }
  return principal && roleOf(principal) ? principal : null
}

/** A request outlives its token: until it ends its caller may ask again, and hear that it was refused. */
function isWaiting(request: TokenRow['request'], now: number): boolean {
  return request !== null && (request.state === 'refused' || request.expiresAt > now)
}

/**
 * The handshake proved possession of the key; the certificate itself must be, byte for byte, one that this CA
 * issued and that is good now. Chain building would add nothing, and would wrongly refuse a server certificate as a client.
 */
async function byCertificate(der: Buffer, { store, clock, access }: AuthContext): Promise<Principal> {
  const { serialNumber } = parseCertificate(der, 'unauthenticated')
  const row = await store.read.certificate(serialNumber)
  if (!row || row.der.length !== der.length || !timingSafeEqual(row.der, der)) {
    throw new CaError('unauthenticated', 'The client certificate was not issued by this CA.')
  }
  const now = epochSeconds(clock())
  if (now > row.notAfter)
    throw new CaError(
      'certificateExpired',
      'The client certificate has expired: enrol again with a new token.',
    )
  // ACME orders may ask for one that begins later: until then it is none to anybody else either.
  if (now < row.notBefore)
    throw new CaError(
      'unauthenticated',
      `The client certificate is not valid yet: it begins at ${rfc3339(row.notBefore)}.`,
    )
  // Last: secret discovery lets in whom nothing but this keeps out.
  if (row.revocation)
    throw new CaError(
      'certificateRevoked',
      'The client certificate is revoked: enrol again with a new token.',
    )
  const role = access?.roleOfCertificate(row) ?? null
  return { kind: 'certificate', id: `certificate:${serialNumber}`, serialNumber, ...(role && { role }) }
}
