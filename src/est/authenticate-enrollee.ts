import { timingSafeEqual } from 'node:crypto'
import { type AuthContext, authenticate } from '../auth/authenticate.ts'
import type { Principal } from '../auth/principal.ts'
import { hashSecret, SECRET_PREFIX } from '../auth/secrets.ts'
import { epochSeconds } from '../clock.ts'
import { CaError, type ErrorCode } from '../errors.ts'
import { fingerprint } from '../pki/certificate/fingerprint.ts'
import type { SubjectName } from '../pki/names/san.ts'
import type { CertificateRow } from '../store/queries.ts'
import type { PeerCertificates } from './device-certificate.ts'
import type { Label } from './labels.ts'

/** What an EST client shows of itself (RFC 7030 3.2.3, 3.3.2). */
export interface EstCredentials {
  readonly basic: { readonly name: string; readonly password: string } | null
  readonly peer: PeerCertificates | null
}

/** "unauthenticated", said to whoever may yet send a password: clients keep it to themselves until they are asked (RFC 7030 3.2.3). */
export class PasswordWanted extends CaError {
  constructor(detail: string) {
    super('unauthenticated', detail)
  }
}

/** A password decides if there is one; else the TLS client certificate. Throws `CaError`, and `PasswordWanted` where one was not sent. */
export async function authenticateEnrollee(
  { basic, peer }: EstCredentials,
  label: Label,
  context: AuthContext,
): Promise<Principal> {
  if (basic) return byPassword(basic, label, context)
  try {
    return await byCertificate(peer, label, context)
  } catch (error) {
    const isRefused = error instanceof CaError && REFUSALS.has(error.code)
    if (isRefused && label.options.auth.some((one) => one !== 'certificate'))
      throw new PasswordWanted(error.detail)
    throw error
  }
}

async function byPassword(
  { name, password }: NonNullable<EstCredentials['basic']>,
  { name: label, options, profile, patterns }: Label,
  context: AuthContext,
): Promise<Principal> {
  if (password.startsWith(SECRET_PREFIX.token) && options.auth.includes('token')) {
    return authenticate({ bearer: password, peerCertificate: null }, context)
  }
  const row = options.auth.includes('basic') ? await context.store.read.estUser(name) : null
  const now = epochSeconds(context.clock())
  const isOpen =
    row !== null &&
    timingSafeEqual(row.hash, hashSecret(password)) &&
    row.revokedAt === null &&
    (row.expiresAt === null || row.expiresAt > now) &&
    (row.label === null || row.label === label)
  if (!isOpen) {
    // Not which of them it was: that would tell who there is.
    throw new CaError('unauthenticated', 'The name or the password is wrong, revoked, or not for this label.')
  }
  const grant = { profile: profile.name, names: [], patterns: row.names ?? patterns }
  return { kind: 'enrollee', id: `est:${row.name}`, grant }
}

/** What is said of a certificate that opens nothing, or is one of ours and good no more. */
const REFUSALS: ReadonlySet<string> = new Set<ErrorCode>([
  'unauthenticated',
  'certificateRevoked',
  'certificateExpired',
])

async function byCertificate(
  peer: PeerCertificates | null,
  label: Label,
  context: AuthContext,
): Promise<Principal> {
  const { profile, patterns, devices, options } = label
  if (!peer) {
    throw new CaError(
      'unauthenticated',
      'Say who enrols: by HTTP Basic with a name and a password or an enrolment token, or by a TLS client certificate.',
    )
  }
  if (!options.auth.includes('certificate')) {
    throw new CaError('unauthenticated', 'Client certificates open nothing here: use HTTP Basic.')
  }
  try {
    const own = await authenticate({ bearer: null, peerCertificate: peer.certificate }, context)
    if (own.kind !== 'certificate') return own
    const row = await context.store.read.certificate(own.serialNumber)
    return {
      kind: 'enrollee',
      id: own.id,
      grant: { profile: profile.name, names: row ? heldNames(row, label) : [], patterns },
    }
  } catch (error) {
    if (!(error instanceof CaError)) throw error
    if (error.code !== 'unauthenticated' || devices.isEmpty) throw error
    devices.prove(peer, context.clock())
    const print = fingerprint(peer.certificate).slice(0, 32)
    return { kind: 'enrollee', id: `device:${print}`, grant: { profile: profile.name, names: [], patterns } }
  }
}

/**
 * The names that a certificate brings with it: no more than it could get by renewing itself, since another profile, or a life that
 * was meant to end, is the label's to give.
 */
function heldNames(row: CertificateRow, { profile }: Label): readonly SubjectName[] {
  return profile.renewal && row.profile === profile.name ? row.names : []
}

/** The certificate that a re-enrolment renews: the one that was shown, which must be of this CA and good. */
export async function renewingHolder(
  { peer }: EstCredentials,
  { options }: Label,
  context: AuthContext,
): Promise<Extract<Principal, { kind: 'certificate' }>> {
  if (!options.auth.includes('certificate')) {
    throw new CaError(
      'unauthenticated',
      'Client certificates open nothing here, and renew nothing: enrol anew, by HTTP Basic.',
    )
  }
  if (!peer) {
    throw new CaError(
      'unauthenticated',
      'A re-enrolment shows the certificate that it renews as TLS client certificate. Without it, enrol anew.',
    )
  }
  const principal = await authenticate({ bearer: null, peerCertificate: peer.certificate }, context)
  if (principal.kind !== 'certificate') throw new CaError('internal', 'A certificate is no certificate.')
  return principal
}
