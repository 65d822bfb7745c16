import { isIP } from 'node:net'
import type { Origin } from '../auth/principal.ts'
import { epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import { type CertificationRequest, parseCsr } from '../pki/csr/parse.ts'
import { normaliseName, parseNameText } from '../pki/names/normalise.ts'
import { nameText } from '../pki/names/san.ts'
import type { AcmeOrderRow } from '../store/acme-queries.ts'
import { type AcmeContext, accountPrincipal, type Holder } from './context.ts'
import { AcmeError, problemOf } from './problem.ts'

/**
 * The certificate of an order that is ready (RFC 8555 7.4). It is signed and recorded while the client waits, and the order
 * becomes valid in the same transaction: if that fails the order is still ready, and may be finalised again. Throws
 * "orderNotReady", what `lastCheck` throws, "invalidProfile" where the profile is not offered any more (draft-ietf-acme-profiles),
 * "unauthorized" where a challenge is not, by which a name was proven, "badCSR", or what policy says.
 */
export async function finalize(
  { account, key }: Holder,
  order: AcmeOrderRow,
  der: Buffer,
  origin: Origin,
  { issuer, store, clock, config }: Pick<AcmeContext, 'issuer' | 'store' | 'clock' | 'config'>,
  /** What costs more than looking at the CSR, and so comes after that. */
  lastCheck: () => Promise<void>,
): Promise<AcmeOrderRow> {
  if (order.status !== 'ready') throw notReady(order.status)
  if (!config.profiles.includes(order.profile)) {
    throw new AcmeError(
      'invalidProfile',
      `Profile "${order.profile}" is not offered any more: make a new order. Offered: ${config.profiles.join(', ')}.`,
    )
  }
  const withdrawn = await store.read.acmeOrderProvenOtherwise(order.orderId, config.challenges)
  if (withdrawn !== null) {
    throw new AcmeError(
      'unauthorized',
      `A name of the order was proven by ${withdrawn}, which is not offered any more: make a new order.`,
    )
  }
  const csr = readCsr(der)
  checkNames(csr, order)
  if (csr.publicKey.spki.equals(key.spki)) {
    throw new AcmeError('badCSR', 'The CSR has the key of the account: a certificate needs a key of its own.')
  }
  await lastCheck()
  const names = order.identifiers.map(parseNameText)
  const { orderId, profile, notBefore, notAfter, createdAt } = order
  const principal = {
    ...accountPrincipal(account.accountId),
    order: { orderId, grantedAt: createdAt, profile, names },
  }
  const request = {
    proof: { kind: 'csr' as const, csr },
    names,
    ...(notBefore === null ? {} : { notBefore }),
    ...(notAfter === null ? {} : { notAfter }),
  }
  try {
    const { certificate } = await issuer.issue(() => request, principal, origin)
    return { ...order, status: 'valid', serialNumber: certificate.serialNumber }
  } catch (error) {
    if (!(error instanceof CaError) || error.code !== 'conflict') throw error
    const { status } = orderNow((await store.read.acmeOrder(orderId)) ?? order, { clock })
    // Else another request was faster, or the order has ended meanwhile.
    throw status === 'ready' ? error : notReady(status)
  }
}

/** The order as it stands at this moment: one whose time is over before it was fulfilled is invalid, though nobody has written that down. */
export function orderNow(order: AcmeOrderRow, { clock }: Pick<AcmeContext, 'clock'>): AcmeOrderRow {
  const isOpen = order.status === 'pending' || order.status === 'ready'
  if (!isOpen || order.expiresAt > epochSeconds(clock())) return order
  const expired = new AcmeError('unauthorized', 'The order expired before it was finalised: make a new one.')
  return { ...order, status: 'invalid', error: JSON.stringify(problemOf(expired)) }
}

function notReady(status: Exclude<AcmeOrderRow['status'], 'ready'>): AcmeError {
  const why = {
    pending: 'Not all of its authorizations are valid yet.',
    valid: 'It has its certificate already: fetch that.',
    invalid: 'It has failed or expired: make a new one.',
  }[status]
  return new AcmeError('orderNotReady', `The order cannot be finalised. ${why}`)
}

function readCsr(der: Buffer): CertificationRequest {
  try {
    return parseCsr(der)
  } catch (error) {
    if (error instanceof CaError) throw new AcmeError('badCSR', error.detail, { cause: error })
    throw error
  }
}

/** RFC 8555 7.4: exactly the order's identifiers, in the subjectAltName, the common name or both. */
function checkNames({ names, commonNames }: CertificationRequest, { identifiers }: AcmeOrderRow): void {
  const asked = new Set(names.map(nameText))
  for (const text of commonNames) {
    try {
      asked.add(nameText(normaliseName(isIP(text) ? 'ip' : 'dns', text)))
    } catch (error) {
      if (error instanceof CaError) throw new AcmeError('badCSR', `The common name: ${error.detail}`)
      throw error
    }
  }
  const ordered = new Set(identifiers)
  const extra = [...asked].filter((name) => !ordered.has(name))
  const missing = identifiers.filter((name) => !asked.has(name))
  if (extra.length === 0 && missing.length === 0) return
  const faults = [
    ...(missing.length > 0 ? [`it lacks ${missing.join(', ')}`] : []),
    ...(extra.length > 0 ? [`the order has no ${extra.join(', ')}`] : []),
  ]
  throw new AcmeError('badCSR', `The names of the CSR are not those of the order: ${faults.join('; ')}.`)
}
