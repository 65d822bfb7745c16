import { isDetached } from './held.ts'
import type { HaproxyRuntime } from './runtime.ts'

/** How it came out: HAProxy has it now, or why it must be reloaded to have it. */
export type Outcome = { readonly live: true } | { readonly live: false; readonly reason: string }

const LIVE: Outcome = { live: true }

/** What `tune.bufsize` is where nobody sets it: a command and its payload must fit. Octets. */
const DEFAULT_BUFFER = 16_384

/** A staple for the certificate in `file`, under which name HAProxy knows it. `issuer`: PEM, where the file lacks it. */
export async function pushStaple(
  runtime: HaproxyRuntime,
  file: string,
  staple: Uint8Array,
  issuer: string | null,
): Promise<Outcome> {
  const text = Buffer.from(staple).toString('base64')
  const answer = await runtime.command(`set ssl ocsp-response ${text}`)
  if (answer.includes('updated')) return LIVE
  // It had no staple when HAProxy started: then certificate and staple are one transaction.
  const parts: [string, string][] = [[`${file}.ocsp`, text]]
  if (issuer !== null) parts.unshift([`${file}.issuer`, issuer])
  return transaction(runtime, 'cert', file, parts)
}

/**
 * A newer certificate, chain and key under the same name, and with it its staple if there is one: no handshake then goes without.
 * `pem` is the whole file.
 */
export async function pushCertificate(
  runtime: HaproxyRuntime,
  file: string,
  pem: string,
  staple: Uint8Array | null = null,
): Promise<Outcome> {
  const parts: [string, string][] = [[file, bare(pem)]]
  if (staple) parts.push([`${file}.ocsp`, Buffer.from(staple).toString('base64')])
  // Before, so that HAProxy goes on to show the certificate that its listeners have.
  return (await isDetached(runtime, file)) ? detached(file) : transaction(runtime, 'cert', file, parts)
}

/** For a certificate of which `isDetached` holds. */
export function detached(file: string): Outcome {
  const reason = `HAProxy has lost hold of ${file} since it took a CRL or roots over its run-time socket (its issue 3165): reload it, and upgrade it.`
  return { live: false, reason }
}

export function pushCrls(runtime: HaproxyRuntime, file: string, pem: string): Promise<Outcome> {
  return transaction(runtime, 'crl-file', file, [[file, pem]])
}

export function pushTrust(runtime: HaproxyRuntime, file: string, pem: string): Promise<Outcome> {
  return transaction(runtime, 'ca-file', file, [[file, pem]])
}

async function transaction(
  runtime: HaproxyRuntime,
  kind: 'cert' | 'crl-file' | 'ca-file',
  file: string,
  parts: readonly (readonly [name: string, payload: string])[],
): Promise<Outcome> {
  for (const [name, payload] of parts) {
    const answer = await runtime.command(`set ssl ${kind} ${name}`, payload)
    if (/^transaction (created|updated)/im.test(answer)) continue
    await runtime.command(`abort ssl ${kind} ${file}`)
    return { live: false, reason: refusal(answer, name, payload) }
  }
  const answer = await runtime.command(`commit ssl ${kind} ${file}`)
  if (answer.includes('Success')) return LIVE
  await runtime.command(`abort ssl ${kind} ${file}`)
  return { live: false, reason: `HAProxy did not take ${file}: ${oneLine(answer)}` }
}

/** Without blank lines: one would end the payload. */
function bare(pem: string): string {
  return pem
    .split('\n')
    .filter((text) => text.trim() !== '')
    .join('\n')
}

/** Past its buffer HAProxy hangs up without a word. */
function refusal(answer: string, name: string, payload: string): string {
  if (answer !== '') return `HAProxy did not take ${name}: ${oneLine(answer)}`
  return `${name} has ${Buffer.byteLength(payload)} octets, more than HAProxy takes over its run-time socket (tune.bufsize, ${DEFAULT_BUFFER} by default): raise tune.bufsize in the section global, or reload.`
}

function oneLine(answer: string): string {
  return answer.split('\n').filter(Boolean).join(' ')
}
