import { createHash } from 'node:crypto'
import { epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import { type HeldCrl, heldCrls, heldRoots } from '../haproxy/held.ts'
import { type Outcome, pushCrls, pushTrust } from '../haproxy/push.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { type CrlInfo, parseCrl } from '../pki/crl/parse.ts'
import { readCrlEntries } from '../pki/crl/parse-entry.ts'
import { decodePem, encodePem } from '../pki/pem.ts'
import { attempt, type Delivery, type DeliveryContext, delivery, holds } from './haproxy-delivery.ts'
import { writeFiles } from './write-files.ts'

/** HAProxy checks the whole chain: the bundle holds a CRL for every CA, or the service does not give it. */
export async function deliverCrls(file: string, bundle: string, context: DeliveryContext): Promise<Delivery> {
  const { runtime } = context
  const pem = await fetchText(`/bundles/${encodeURIComponent(bundle)}.crl.pem`, context)
  const now = epochSeconds(context.clock())
  const crls = decodePem(pem, 'CRL bundle').map(({ label, der }) => {
    const crl = parseCrl(der, 'badCrl')
    // HAProxy refuses to start with DER or junk, and takes a delta for the full CRL.
    if (label !== 'X509 CRL' || crl.isDelta || crl.nextUpdate === null || crl.nextUpdate <= now)
      throw new CaError(
        'badCrl',
        'The service gave a CRL that is not a full, current one; nothing was changed.',
      )
    return crl
  })
  if (crls.length === 0) throw new CaError('badCrl', 'The service gave no CRL; nothing was changed.')
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
  const pem = await fetchText(`/bundles/${encodeURIComponent(bundle)}.pem`, context)
  const certificates = decodePem(pem, 'roots').map(({ der }) => parseCertificate(der))
  // HAProxy takes no intermediate for an anchor: an authority's bundle ends with its root.
  const roots = certificates.filter(({ subject, issuer }) => subject.equals(issuer)).map(({ der }) => der)
  if (roots.length === 0)
    throw new CaError('badAuthorityCertificate', 'The service gave no root; nothing was changed.')
  const text = roots.map((der) => encodePem('CERTIFICATE', der)).join('')
  const digests = roots.map((der) => createHash('sha1').update(der).digest('hex'))
  return deliverFile({ what: 'roots', file }, text, {
    isHeld: async () => digests.sort().join() === (await heldRoots(runtime, file)).sort().join(),
    push: () => pushTrust(runtime, file, text),
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

async function fetchText(path: string, { client }: DeliveryContext): Promise<string> {
  return (await client.send('GET', path)).body.toString('latin1')
}
