import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { type Clock, epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import {
  type Outcome,
  pushCertificate,
  pushCrls,
  pushStaple,
  pushTrust,
  servedSerial,
} from '../haproxy/push.ts'
import type { HaproxyRuntime } from '../haproxy/runtime.ts'
import { proveOcspResponse } from '../ocsp/prove-response.ts'
import { stapleRequest } from '../ocsp/staple.ts'
import { type CertificateInfo, parseCertificate } from '../pki/certificate/parse.ts'
import { parseCrl } from '../pki/crl/parse.ts'
import { decodePem, encodePem } from '../pki/pem.ts'
import type { Client } from './client.ts'
import { writeFiles } from './write-files.ts'

export interface DeliveryContext {
  readonly client: Client
  readonly runtime: HaproxyRuntime
  readonly clock: Clock
}

export interface Delivery {
  readonly what: 'certificate' | 'staple' | 'CRLs' | 'roots'
  readonly file: string
  /** "reload": the file is written, and HAProxy does not have it yet. */
  readonly state: 'unchanged' | 'live' | 'reload'
  readonly reason: string | null
}

/** The certificate in a file if HAProxy serves another, then its staple. Throws `CaError` where the pieces do not fit. */
export async function deliverCertificate(file: string, context: DeliveryContext): Promise<Delivery[]> {
  const { runtime } = context
  const pem = readFileSync(file, 'utf8')
  const [leaf, issuer] = readChain(file, pem)
  const deliveries: Delivery[] = []
  const served = await servedSerial(runtime, file).catch(whereAway)
  const isOther = served !== null && served !== leaf.serialNumber
  if (isOther) {
    checkKey(file, pem, leaf)
    deliveries.push(delivery('certificate', file, await pushCertificate(runtime, file, bare(pem))))
  }
  const staple = await fetchStaple(leaf, issuer.info, context)
  const stapleFile = `${file}.ocsp`
  // A certificate that was pushed just now has no staple with it.
  if (!isOther && holds(stapleFile, staple)) {
    return [...deliveries, { what: 'staple', file: stapleFile, state: 'unchanged', reason: null }]
  }
  const issuerPem = issuer.isBeside ? encodePem('CERTIFICATE', issuer.info.der) : null
  const outcome = await alive(() => pushStaple(runtime, file, staple, issuerPem))
  // A reload or a start finds it too, whatever the running process said.
  writeFiles([{ path: stapleFile, content: staple, mode: 0o644 }])
  return [...deliveries, delivery('staple', stapleFile, outcome)]
}

/** HAProxy checks the whole chain: the bundle holds a CRL for every CA, or the service does not give it. */
export async function deliverCrls(file: string, bundle: string, context: DeliveryContext): Promise<Delivery> {
  const pem = await fetchText(`/bundles/${encodeURIComponent(bundle)}.crl.pem`, context)
  const now = epochSeconds(context.clock())
  const crls = decodePem(pem, 'CRL bundle')
  for (const { label, der } of crls) {
    const { nextUpdate, isDelta } = parseCrl(der, 'badCrl')
    // HAProxy refuses to start with DER or junk, and takes a delta for the full CRL.
    if (label !== 'X509 CRL' || isDelta || nextUpdate === null || nextUpdate <= now)
      throw new CaError(
        'badCrl',
        'The service gave a CRL that is not a full, current one; nothing was changed.',
      )
  }
  if (crls.length === 0) throw new CaError('badCrl', 'The service gave no CRL; nothing was changed.')
  return deliverFile('CRLs', file, pem, () => pushCrls(context.runtime, file, pem))
}

export async function deliverTrust(
  file: string,
  bundle: string,
  context: DeliveryContext,
): Promise<Delivery> {
  const pem = await fetchText(`/bundles/${encodeURIComponent(bundle)}.pem`, context)
  const certificates = decodePem(pem, 'roots').map(({ der }) => parseCertificate(der))
  // HAProxy takes no intermediate for an anchor: an authority's bundle ends with its root.
  const roots = certificates.filter(({ subject, issuer }) => subject.equals(issuer))
  if (roots.length === 0)
    throw new CaError('badAuthorityCertificate', 'The service gave no root; nothing was changed.')
  const text = roots.map(({ der }) => encodePem('CERTIFICATE', der)).join('')
  return deliverFile('roots', file, text, () => pushTrust(context.runtime, file, text))
}

async function deliverFile(
  what: Delivery['what'],
  file: string,
  content: string,
  push: () => Promise<Outcome>,
): Promise<Delivery> {
  if (holds(file, Buffer.from(content))) return { what, file, state: 'unchanged', reason: null }
  const outcome = await alive(push)
  writeFiles([{ path: file, content, mode: 0o644 }])
  return delivery(what, file, outcome)
}

function whereAway(error: unknown): null {
  if (error instanceof CaError) return null
  throw error
}

/** A HAProxy that is not there has nothing to be pushed into, and reads the files when it starts. */
async function alive(push: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await push()
  } catch (error) {
    if (error instanceof CaError) return { live: false, reason: error.detail }
    throw error
  }
}

function delivery(what: Delivery['what'], file: string, outcome: Outcome): Delivery {
  return outcome.live
    ? { what, file, state: 'live', reason: null }
    : { what, file, state: 'reload', reason: outcome.reason }
}

async function fetchText(path: string, { client }: DeliveryContext): Promise<string> {
  return (await client.send('GET', path)).body.toString('latin1')
}

async function fetchStaple(
  leaf: CertificateInfo,
  issuer: CertificateInfo,
  context: DeliveryContext,
): Promise<Buffer> {
  const { body } = await context.client.send('POST', '/ocsp', {
    body: stapleRequest({ certificate: issuer }, leaf.serialNumber),
    contentType: 'application/ocsp-request',
  })
  // HAProxy's files take a staple with a broken signature, and every client that looks turns away.
  const proven = proveOcspResponse(body, issuer, epochSeconds(context.clock()))
  if (proven.certId.serialNumber !== leaf.serialNumber)
    throw new CaError('badOcspResponse', 'The service answered about another certificate.')
  return proven.der
}

/** Leaf and issuer: from the file, or the issuer from the file beside it, as HAProxy reads them. */
function readChain(
  file: string,
  pem: string,
): [CertificateInfo, { info: CertificateInfo; isBeside: boolean }] {
  const [leaf, issuer] = certificatesIn(pem, file)
  if (!leaf) throw new CaError('malformedPem', `There is no certificate in ${file}.`)
  if (issuer?.subject.equals(leaf.issuer)) return [leaf, { info: issuer, isBeside: false }]
  const beside = `${file}.issuer`
  const [other] = existsSync(beside) ? certificatesIn(readFileSync(beside, 'utf8'), beside) : []
  if (other?.subject.equals(leaf.issuer)) return [leaf, { info: other, isBeside: true }]
  throw new CaError(
    'badAuthorityCertificate',
    `The issuer of the certificate in ${file} is neither behind it nor in ${beside}: put it there.`,
  )
}

function certificatesIn(pem: string, file: string): CertificateInfo[] {
  return decodePem(pem, file)
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ der }) => parseCertificate(der))
}

function checkKey(file: string, pem: string, leaf: CertificateInfo): void {
  const found = decodePem(pem, file).find(({ label }) => label.endsWith('PRIVATE KEY'))
  const key = found && createPrivateKey(encodePem(found.label, found.der))
  if (!key || !new X509Certificate(leaf.der).checkPrivateKey(key))
    throw new CaError(
      'badConfiguration',
      `The private key in ${file} is missing or belongs to another certificate.`,
    )
}

/** Without blank lines: one would end the payload. */
function bare(pem: string): string {
  return pem
    .split('\n')
    .filter((text) => text.trim() !== '')
    .join('\n')
}

function holds(file: string, content: Uint8Array): boolean {
  return existsSync(file) && readFileSync(file).equals(content)
}
