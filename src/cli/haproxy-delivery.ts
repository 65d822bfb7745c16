import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import type { Client } from '../client/client.ts'
import { fetchStaple } from '../client/staple.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import { servedSerial } from '../haproxy/held.ts'
import { type Outcome, pushCertificate, pushStaple } from '../haproxy/push.ts'
import type { HaproxyRuntime } from '../haproxy/runtime.ts'
import { type CertificateInfo, parseCertificate } from '../pki/certificate/parse.ts'
import { decodePem, encodePem } from '../pki/pem.ts'
import { writeFiles } from '../write-files.ts'

export interface DeliveryContext {
  readonly client: Client
  readonly runtime: HaproxyRuntime
  readonly clock: Clock
  /** All that the command is about, by the names that HAProxy has for them. */
  readonly certificates: readonly string[]
}

export interface Delivery {
  readonly what: 'certificate' | 'staple' | 'CRLs' | 'roots'
  readonly file: string
  /** "reload": the file is written, and HAProxy does not have it yet. "failed": nothing was changed. */
  readonly state: 'unchanged' | 'live' | 'reload' | 'failed'
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
    deliveries.push(delivery('certificate', file, await pushCertificate(runtime, file, pem)))
  }
  const now = epochSeconds(context.clock())
  const { der: staple } = await fetchStaple(context.client, leaf, issuer.info, now)
  const stapleFile = `${file}.ocsp`
  const issuerPem = issuer.isBeside ? encodePem('CERTIFICATE', issuer.info.der) : null
  // Pushed even where the file has it, since HAProxy need not have taken it; it may hear of the same staple twice.
  const outcome = await attempt(() => pushStaple(runtime, file, staple, issuerPem))
  const isKnown = !isOther && holds(stapleFile, staple)
  if (isKnown && outcome.live) {
    return [...deliveries, { what: 'staple', file: stapleFile, state: 'unchanged', reason: null }]
  }
  // A reload or a start finds it too, whatever the running process said.
  writeFiles([{ path: stapleFile, content: staple, mode: 0o644 }])
  return [...deliveries, delivery('staple', stapleFile, outcome)]
}

function whereAway(error: unknown): null {
  if (error instanceof CaError) return null
  throw error
}

/** A HAProxy that is not there has nothing to be pushed into, and reads the files when it starts. */
export async function attempt<T>(push: () => Promise<T>): Promise<T | (Outcome & { live: false })> {
  try {
    return await push()
  } catch (error) {
    if (error instanceof CaError) return { live: false, reason: error.detail }
    throw error
  }
}

export function delivery(what: Delivery['what'], file: string, outcome: Outcome): Delivery {
  return outcome.live
    ? { what, file, state: 'live', reason: null }
    : { what, file, state: 'reload', reason: outcome.reason }
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
  const key = found && readKey(file, encodePem(found.label, found.der))
  if (!key || !new X509Certificate(leaf.der).checkPrivateKey(key))
    throw new CaError(
      'badConfiguration',
      `The private key in ${file} is missing or belongs to another certificate.`,
    )
}

function readKey(file: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new CaError(
      'badConfiguration',
      `The private key in ${file} cannot be read: it must be PEM, and not encrypted.`,
      { cause },
    )
  }
}

export function holds(file: string, content: Uint8Array): boolean {
  return existsSync(file) && readFileSync(file).equals(content)
}
