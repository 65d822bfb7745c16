import type { HaproxyRuntime } from './runtime.ts'

/** The serial number of the certificate that HAProxy serves under this name, lower-case hexadecimal; null if it knows none. */
export async function servedSerial(runtime: HaproxyRuntime, file: string): Promise<string | null> {
  const [, serial] = /^Serial: ([0-9A-F]+)$/m.exec(await runtime.command(`show ssl cert ${file}`)) ?? []
  return serial?.toLowerCase() ?? null
}

/** What HAProxy shows of a CRL that it uses. */
export interface HeldCrl {
  /** Seconds since 1970. */
  readonly thisUpdate: number
  /** Lower-case hexadecimal, in any order. Of a long CRL only some are shown. */
  readonly serialNumbers: readonly string[]
}

/** The first `count` CRLs that HAProxy uses under this name; fewer where it has fewer. */
export async function heldCrls(runtime: HaproxyRuntime, file: string, count: number): Promise<HeldCrl[]> {
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
    })
  }
  return held
}

/** SHA-1, lower-case hexadecimal, of each certificate that HAProxy trusts under this name. */
export async function heldRoots(runtime: HaproxyRuntime, file: string): Promise<string[]> {
  return all(await runtime.command(`show ssl ca-file ${file}`), /^SHA1 FingerPrint: ([0-9A-F]+)/gm)
}

function all(answer: string, pattern: RegExp): string[] {
  return [...answer.matchAll(pattern)].map(([, found]) => found!.toLowerCase())
}
