import { fetchCrls, fetchRoots } from '../client/trust.ts'
import { epochSeconds } from '../clock.ts'
import { holdsCrls, holdsRoots, isDetached } from '../haproxy/held.ts'
import { detached, type Outcome, pushCrls, pushTrust } from '../haproxy/push.ts'
import { writeFiles } from '../write-files.ts'
import { attempt, type Delivery, type DeliveryContext, delivery, holds } from './haproxy-delivery.ts'

/** HAProxy checks the whole chain: the bundle holds a CRL for every CA, or the service does not give it. */
export async function deliverCrls(file: string, bundle: string, context: DeliveryContext): Promise<Delivery> {
  const { runtime } = context
  const { pem, crls } = await fetchCrls(context.client, bundle, epochSeconds(context.clock()))
  return deliverFile({ what: 'CRLs', file }, pem, {
    isHeld: () => holdsCrls(runtime, file, crls),
    push: () => pushCrls(runtime, file, pem),
  })
}

export async function deliverTrust(
  file: string,
  bundle: string,
  context: DeliveryContext,
): Promise<Delivery> {
  const { runtime, certificates } = context
  const { pem, roots } = await fetchRoots(context.client, bundle)
  return deliverFile({ what: 'roots', file }, pem, {
    isHeld: () => holdsRoots(runtime, file, roots),
    push: async () => {
      // The commit would end such a process.
      for (const certificate of certificates)
        if (await isDetached(runtime, certificate)) return detached(certificate)
      return pushTrust(runtime, file, pem)
    },
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
