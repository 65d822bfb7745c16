import { epochSeconds } from '../clock.ts'
import { nameText, type SubjectName } from '../pki/names/san.ts'
import type { CertificateRow } from '../store/queries.ts'
import { type AcmeContext, accountPrincipal } from './context.ts'
import { readBase64url } from './jws/base64url.ts'
import { AcmeError, type AcmeErrorType } from './problem.ts'

/** When a certificate should be renewed (RFC 9773 4.2). Seconds since 1970; `retryAfter` in seconds. */
export interface RenewalInfo {
  readonly start: number
  readonly end: number
  readonly explanationUrl: string | null
  readonly retryAfter: number
}

type Parts = Pick<AcmeContext, 'authorities' | 'clock' | 'store'>

const PART = /^[A-Za-z0-9_-]{1,64}$/
const SIX_HOURS = 6 * 3600

/** The suggested window for a certID (RFC 9773 4.1). Throws "malformed", with 404 where there is no such certificate. */
export async function renewalInfo(certId: string, parts: Parts): Promise<RenewalInfo> {
  const row = await certificateOf(certId, parts)
  const now = epochSeconds(parts.clock())
  // Where it is dated back by more than it lasts, two thirds of what it says would be over before it was there.
  const begin = Math.max(row.notBefore, Math.floor(row.issuedAt / 1000))
  const life = row.notAfter - begin
  const retryAfter = Math.max(60, Math.min(SIX_HOURS, Math.floor(life / 24)))
  if (row.revocation) {
    // A window that is over: renew at once.
    const end = Math.min(row.revocation.revokedAt, now)
    return { start: end - 60, end, explanationUrl: null, retryAfter }
  }
  // From two thirds of its life on, for a twelfth of it: what was issued together need not come back together.
  const start = begin + Math.floor((life * 2) / 3)
  const end = Math.max(start + 1, begin + Math.floor((life * 3) / 4))
  const call = await parts.store.read.renewalCall(row.serialNumber)
  // A call pulls the window forward, and never pushes it back.
  if (call && (call.startsAt < start || call.endsAt < end) && call.startsAt < end) {
    const { startsAt, endsAt, explanationUrl } = call
    return { start: startsAt, end: Math.min(endsAt, end), explanationUrl, retryAfter }
  }
  return { start, end, explanationUrl: null, retryAfter }
}

/** The certificate that a new order replaces, after the checks of RFC 9773 5. */
export async function replacedCertificate(
  certId: string,
  accountId: number,
  names: readonly SubjectName[],
  parts: Parts,
): Promise<{ serialNumber: string; text: string }> {
  const row = await certificateOf(certId, parts).catch((error: unknown) => {
    throw error instanceof AcmeError ? notReplaced(error.type, error.detail, error.status) : error
  })
  // Its order is gone a week after its end, and a machine that was off for longer goes on to say what it renews.
  if (row.principal !== accountPrincipal(accountId).id) {
    throw notReplaced('unauthorized', 'The certificate was not ordered by this account.')
  }
  const old = new Set(row.names.map(nameText))
  if (!names.some((name) => old.has(nameText(name)))) {
    throw notReplaced('malformed', 'The order shares no identifier with that certificate.')
  }
  return { serialNumber: row.serialNumber, text: certId }
}

/** acme.sh, whose certificate may be of another CA or account, orders without "replaces" only if it reads the field's name so. */
function notReplaced(type: AcmeErrorType, detail: string, status?: number): AcmeError {
  return new AcmeError(
    type,
    `The order's 'replaces' field cannot be met; leave it out. ${detail}`,
    status === undefined ? {} : { status },
  )
}

/** Both halves are base64url: the authority's key identifier, and the DER content of the serial number (RFC 9773 4.1). */
async function certificateOf(certId: string, { authorities, store }: Parts): Promise<CertificateRow> {
  const [keyIdentifier, serial, ...rest] = certId.split('.').map(octets)
  if (!keyIdentifier || !serial || rest.length > 0) {
    throw new AcmeError(
      'malformed',
      'A certificate is named by two base64url texts, of its authority key identifier and its serial number, with a dot between.',
    )
  }
  const issuers = authorities.all().filter((one) => one.keyIdentifier.equals(keyIdentifier))
  // DER has a leading zero octet where the first bit is set; serial numbers here are written without.
  const digits = serial.toString('hex').replace(/^00(?=[89a-f])/, '')
  const row = issuers.length > 0 ? await store.read.certificate(digits) : null
  if (!row || !issuers.some(({ id }) => id === row.authority)) {
    throw new AcmeError('malformed', 'No certificate of that name was issued here.', { status: 404 })
  }
  return row
}

function octets(text: string): Buffer | null {
  return PART.test(text) ? readBase64url(text) : null
}
