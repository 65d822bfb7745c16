import { createHash } from 'node:crypto'
import type { CrlInfo } from '../pki/crl/parse.ts'
import { readCrlEntries } from '../pki/crl/parse-entry.ts'
import type { HaproxyRuntime } from './runtime.ts'

/** The serial number of the certificate that HAProxy serves under this name, lower-case hexadecimal; null if it knows none. */
export async function servedSerial(runtime: HaproxyRuntime, file: string): Promise<string | null> {
  const [, serial] = /^Serial: ([0-9A-F]+)$/m.exec(await runtime.command(`show ssl cert ${file}`)) ?? []
  return serial?.toLowerCase() ?? null
}

/**
 * Whether HAProxy knows the certificate and no listener has it. So it is from a commit of a CRL or of roots on, in a HAProxy before the
 * fix of its issue 3165 (2.6.12 among them): the listeners keep the certificate of before, no newer one reaches them, and the next
 * commit of roots ends the process.
 */
export async function isDetached(runtime: HaproxyRuntime, file: string): Promise<boolean> {
  return /^Status: Unused$/m.test(await runtime.command(`show ssl cert ${file}`))
}

/**
 * Octets. HAProxy shows of a CRL what its buffer takes (tune.bufsize, 16,384 by default, and seldom made smaller): less than this is
 * all of it.
 */
const LEAST_CUT = 15_000

/**
 * Whether HAProxy uses just these CRLs under this name: by date and entries, as far as it shows them. By date alone none is known:
 * two revocations make two CRLs in one second.
 */
export async function holdsCrls(
  runtime: HaproxyRuntime,
  file: string,
  crls: readonly CrlInfo[],
): Promise<boolean> {
  const held = await heldCrls(runtime, file, crls.length)
  return crls.every(({ thisUpdate, entries }) => {
    const listed = new Set([...readCrlEntries(entries)].map(({ serialNumber }) => serialNumber))
    return held.some(
      (one) =>
        one.thisUpdate === thisUpdate &&
        one.serialNumbers.every((serial) => listed.has(serial)) &&
        (one.isCut || one.serialNumbers.length === listed.size),
    )
  })
}

/** Whether HAProxy trusts just these roots (DER) under this name. */
export async function holdsRoots(
  runtime: HaproxyRuntime,
  file: string,
  roots: readonly Uint8Array[],
): Promise<boolean> {
  const digests = roots.map((der) => createHash('sha1').update(der).digest('hex'))
  return digests.sort().join() === (await heldRoots(runtime, file)).sort().join()
}

/** What HAProxy shows of a CRL that it uses. */
interface HeldCrl {
  /** Seconds since 1970. */
  readonly thisUpdate: number
  /** Lower-case hexadecimal, in any order. */
  readonly serialNumbers: readonly string[]
  /** Whether there may be more of them than are shown. */
  readonly isCut: boolean
}

/** The first `count` CRLs that HAProxy uses under this name; fewer where it has fewer. */
async function heldCrls(runtime: HaproxyRuntime, file: string, count: number): Promise<HeldCrl[]> {
  const held: HeldCrl[] = []
  // One by one: an answer about all of them ends where the first long one fills HAProxy's buffer.
  for (let index = 1; index <= count; index++) {
    const answer = await runtime.command(`show ssl crl-file ${file}:${index}`)
    const [, thisUpdate] = /^Last Update: (.+)$/m.exec(answer) ?? []
    if (thisUpdate === undefined) break
    held.push({
      thisUpdate: Date.parse(thisUpdate) / 1000,
      // Where the buffer ends, the last one may be cut off.
      serialNumbers: all(answer, /^ *Serial Number: ([0-9A-F]+)\n/gm),
      isCut: answer.length >= LEAST_CUT,
    })
  }
  return held
}

/** SHA-1, lower-case hexadecimal, of each certificate that HAProxy trusts under this name. */
async function heldRoots(runtime: HaproxyRuntime, file: string): Promise<string[]> {
  return all(await runtime.command(`show ssl ca-file ${file}`), /^SHA1 FingerPrint: ([0-9A-F]+)/gm)
}

function all(answer: string, pattern: RegExp): string[] {
  return [...answer.matchAll(pattern)].map(([, found]) => found!.toLowerCase())
}
