import { createHash } from 'node:crypto'
import { fetchCrls, fetchRoots } from '../client/trust.ts'
import { epochSeconds } from '../clock.ts'
import { type HeldCrl, heldCrls, heldRoots } from '../haproxy/held.ts'
import { type Outcome, pushCrls, pushTrust } from '../haproxy/push.ts'
import type { CrlInfo } from '../pki/crl/parse.ts'
import { readCrlEntries } from '../pki/crl/parse-entry.ts'
import { writeFiles } from '../write-files.ts'
import { attempt, type Delivery, type DeliveryContext, delivery, holds } from './haproxy-delivery.ts'

/** HAProxy checks the whole chain: the bundle holds a CRL for every CA, or the service does not give it. */
export async function deliverCrls(file: string, bundle: string, context: DeliveryContext): Promise<Delivery> {
  const { runtime } = context
  const { pem, crls } = await fetchCrls(context.client, bundle, epochSeconds(context.clock()))
  return deliverFile({ what: 'CRLs', file }, pem, {
    isHeld: async () => areThese(crls, await heldCrls(runtime, file, crls.length)),
    push: () => pushCrls(runtime, file, pem),
  })
}

export async function deliverTrust(
  file: string,
  bundle: string,
  context: DeliveryContext,
): Promise<Delivery> {
  const { runtime } = context
  const { pem, roots } = await fetchRoots(context.client, bundle)
  const digests = roots.map((der) => createHash('sha1').update(der).digest('hex'))
  return deliverFile({ what: 'roots', file }, pem, {
    isHeld: async () => digests.sort().join() === (await heldRoots(runtime, file)).sort().join(),
    push: () => pushTrust(runtime, file, pem),
  })
}

interface Running {
  readonly isHeld: () => Promise<boolean>
  readonly push: () => Promise<Outcome>
}

async function deliverFile(
  { what, file }: Pick<Delivery, 'what' | 'file'>,
  content: string,
  { isHeld, push }: Running,
): Promise<Delivery> {
  const isWritten = holds(file, Buffer.from(content))
  // What was written once need not have been taken: HAProxy was away, or waits for a reload since.
  const outcome = await attempt(async () => (isWritten && (await isHeld()) ? null : push()))
  if (outcome === null) return { what, file, state: 'unchanged', reason: null }
  if (!isWritten) writeFiles([{ path: file, content, mode: 0o644 }])
  return delivery(what, file, outcome)
}

/** By date and entries, as far as HAProxy shows them. */
function areThese(crls: readonly CrlInfo[], held: readonly HeldCrl[]): boolean {
  return crls.every(({ thisUpdate, entries }) => {
    const listed = new Set([...readCrlEntries(entries)].map(({ serialNumber }) => serialNumber))
    return held.some(
      (one) => one.thisUpdate === thisUpdate && one.serialNumbers.every((serial) => listed.has(serial)),
    )
  })
}
