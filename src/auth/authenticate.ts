import { timingSafeEqual } from 'node:crypto'
import { type Clock, epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import type { TokenRow } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import type { Principal } from './principal.ts'
import { hashSecret, SECRET_PREFIX } from './secrets.ts'
import { tokenHolder } from './tokens.ts'

/** What a caller shows of itself; the API takes it off the wire. */
export interface Credentials {
  readonly bearer: string | null
  /** The DER certificate whose key the peer proved in its TLS handshake. */
  readonly peerCertificate: Buffer | null
}

export interface AuthContext {
  readonly store: Store
  readonly clock: Clock
}

/** A bearer secret decides if there is one; else the TLS client certificate. Throws `CaError` "unauthenticated". */
export async function authenticate(credentials: Credentials, context: AuthContext): Promise<Principal> {
  if (credentials.bearer !== null) return byBearer(credentials.bearer, context)
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

async function byBearer(secret: string, { store, clock }: AuthContext): Promise<Principal> {
  if (secret.startsWith(SECRET_PREFIX.adminKey)) {
    const key = await store.read.adminKeyByHash(hashSecret(secret))
    if (key) return { kind: 'admin', id: `admin:${key.name}` }
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
  }
  throw new CaError(
    'unauthenticated',
    'The bearer secret is not known here: it may be mistyped, revoked, or of another CA.',
  )
}

/** A request outlives its token: until it ends its caller may ask again, and hear that it was refused. */
function isWaiting(request: TokenRow['request'], now: number): boolean {
  return request !== null && (request.state === 'refused' || request.expiresAt > now)
}

/**
 * The handshake proved possession of the key; the certificate itself must be, byte for byte, one that this CA
 * issued and that is good now. Chain building would add nothing, and would wrongly refuse a server certificate as a client.
 */
async function byCertificate(der: Buffer, { store, clock }: AuthContext): Promise<Principal> {
  const { serialNumber } = parseCertificate(der, 'unauthenticated')
  const row = await store.read.certificate(serialNumber)
  if (!row || row.der.length !== der.length || !timingSafeEqual(row.der, der)) {
    throw new CaError('unauthenticated', 'The client certificate was not issued by this CA.')
  }
  if (row.revocation)
    throw new CaError(
      'certificateRevoked',
      'The client certificate is revoked: enrol again with a new token.',
    )
  const now = epochSeconds(clock())
  if (now > row.notAfter)
    throw new CaError(
      'certificateExpired',
      'The client certificate has expired: enrol again with a new token.',
    )
  return { kind: 'certificate', id: `certificate:${serialNumber}`, serialNumber }
}
