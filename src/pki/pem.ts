import { setImmediate } from 'node:timers/promises'
import { CaError } from '../errors.ts'

export interface PemBlock {
  readonly label: string
  readonly der: Buffer
}

/** Strict form of RFC 7468 3: lines of 64 characters, LF, and one at the end. */
export function encodePem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64')
  let body = ''
  for (let at = 0; at < base64.length; at += 64) body += `${base64.slice(at, at + 64)}\n`
  return `-----BEGIN ${label}-----\n${body}-----END ${label}-----\n`
}

/** Octets: some milliseconds of encoding, and whole lines of 48. */
const SLICE = 48 * 8192

/** The same in ASCII, with pauses for others: a list of 50 MB takes half a second. */
export async function encodeLongPem(label: string, der: Uint8Array): Promise<Buffer> {
  const [begin, end] = [`-----BEGIN ${label}-----\n`, `-----END ${label}-----\n`]
  const base64Length = 4 * Math.ceil(der.length / 3)
  // Filled in place: to put 70 MB together at the end would be one long step.
  const pem = Buffer.allocUnsafe(begin.length + base64Length + Math.ceil(base64Length / 64) + end.length)
  let filled = pem.write(begin, 'latin1')
  for (let at = 0; at < der.length; at += SLICE) {
    if (at > 0) await setImmediate()
    const { buffer, byteOffset, length } = der.subarray(at, at + SLICE)
    const base64 = Buffer.from(buffer, byteOffset, length).toString('base64')
    let lines = ''
    for (let i = 0; i < base64.length; i += 64) lines += `${base64.slice(i, i + 64)}\n`
    filled += pem.write(lines, filled, 'latin1')
  }
  pem.write(end, filled, 'latin1')
  return pem
}

/** RFC 7468 3: printable characters, single spaces or hyphens between words. */
const BEGIN = /^-----BEGIN ([!-,.-~]+(?:[ -][!-,.-~]+)*)-----$/

/**
 * Every block of a PEM text, one at least. `what` names the text in errors, all `malformedPem`. Lines of text before
 * a block are skipped, as OpenSSL writes them ("Bag Attributes"); after the last block only white space may follow.
 */
export function decodePem(text: string, what: string): PemBlock[] {
  const blocks: PemBlock[] = []
  let open: { label: string; body: string } | null = null
  let strayText = false
  for (const rawLine of text.split('\n')) {
    const line = rawLine.trim()
    if (open) {
      if (line.startsWith('-----')) {
        if (line !== `-----END ${open.label}-----`) {
          throw malformed(what, `has a "BEGIN ${open.label}" that is not closed by "END ${open.label}"`)
        }
        blocks.push({ label: open.label, der: decodeBody(open.body, what) })
        open = null
        strayText = false
      } else open.body += line
    } else if (line.startsWith('-----')) {
      const label = BEGIN.exec(line)?.[1]
      if (label === undefined) throw malformed(what, 'has a line of dashes that is not "-----BEGIN ...-----"')
      open = { label, body: '' }
    } else if (line !== '') strayText = true
  }
  if (open) throw malformed(what, `ends before "-----END ${open.label}-----"; send it whole`)
  if (blocks.length === 0) throw malformed(what, 'has no "-----BEGIN ...-----" line on a line of its own')
  if (strayText) throw malformed(what, 'has text after its last block')
  return blocks
}

function decodeBody(body: string, what: string): Buffer {
  const der = Buffer.from(body, 'base64')
  // Buffer skips what it does not know; only canonical base64 (RFC 4648 3.5) encodes back to itself.
  if (der.toString('base64') !== body) {
    throw malformed(
      what,
      'has something other than base64 between BEGIN and END; headers and encryption are not supported',
    )
  }
  if (der.length === 0) throw malformed(what, 'has an empty block')
  return der
}

function malformed(what: string, reason: string): CaError {
  return new CaError('malformedPem', `The ${what} is not valid PEM: it ${reason}.`)
}
