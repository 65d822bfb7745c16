import type { Client } from '../client/client.ts'
import { ServiceError } from '../client/service-error.ts'
import type { CertificateInfo } from '../pki/certificate/parse.ts'
import type { ChosenRenewal } from './state.ts'

/** When a certificate should be renewed. Seconds since 1970. */
export interface Window {
  readonly start: number
  readonly end: number
}

/** A window as the CA suggests it (RFC 9773 4.2), and how many seconds later to ask again. */
export interface Suggestion {
  readonly window: Window
  readonly retryAfter: number | undefined
}

export type Life = Pick<CertificateInfo, 'serialNumber' | 'notBefore' | 'notAfter'>

/** From two thirds of its life to three quarters. */
export function ownWindow({ notBefore, notAfter }: Life): Window {
  const life = notAfter - notBefore
  return { start: notBefore + (life * 2) / 3, end: notBefore + (life * 3) / 4 }
}

/**
 * A time within the window, at random and once: a later call with the same window gives the same time (RFC 9773 4.2). Whoever
 * suggests a window near the end of life cannot make a certificate lapse: the last tenth is for what goes wrong.
 */
export function chooseRenewal(
  life: Life,
  { start, end }: Window,
  before: ChosenRenewal | undefined,
  random: () => number,
): ChosenRenewal {
  const { serialNumber, notBefore, notAfter } = life
  if (before?.serialNumber === serialNumber && before.start === start && before.end === end) return before
  const latest = notAfter - (notAfter - notBefore) / 10
  const at = Math.min(start + random() * Math.max(0, end - start), latest)
  return { serialNumber, start, end, at: Math.floor(at) }
}

/** What the CA suggests; null where it has no renewal information about this certificate. Throws `ServiceError`. */
export async function fetchSuggestion(client: Client, leaf: CertificateInfo): Promise<Suggestion | null> {
  if (!leaf.authorityKeyIdentifier) return null
  const id = `${leaf.authorityKeyIdentifier.toString('base64url')}.${serialContent(leaf.serialNumber)}`
  try {
    const { body, retryAfter } = await client.send('GET', `/acme/renewal-info/${id}`)
    return { window: readWindow(body), retryAfter }
  } catch (error) {
    if (error instanceof ServiceError && error.status === 404) return null
    throw error
  }
}

/** RFC 9773 4.1: the content of its DER INTEGER, so with a leading zero octet where the first bit is set. */
function serialContent(serialNumber: string): string {
  const octets = Buffer.from(serialNumber, 'hex')
  return Buffer.from(octets[0]! & 0x80 ? [0, ...octets] : octets).toString('base64url')
}

function readWindow(body: Buffer): Window {
  const { suggestedWindow } = JSON.parse(body.toString('utf8')) as {
    suggestedWindow?: { start?: string; end?: string }
  }
  const start = Date.parse(suggestedWindow?.start ?? '') / 1000
  const end = Date.parse(suggestedWindow?.end ?? '') / 1000
  // RFC 9773 4.3.3: a window that is none is as no answer.
  if (!(start < end))
    throw new ServiceError('refused', 'The renewal information has no window.', { status: 200 })
  return { start, end }
}
