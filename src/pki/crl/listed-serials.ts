import { parseCrl } from './parse.ts'
import { readCrlEntries } from './parse-entry.ts'

/** A full CRL: one and the same object until the next takes its place. */
export interface HeldCrl {
  readonly der: Uint8Array
}

const known = new WeakMap<HeldCrl, ReadonlySet<string>>()

/** The serial numbers that it lists, hexadecimal. The list may be long, so it is read once. `CaError` 'badCrl' where it is none. */
export function listedSerials(crl: HeldCrl): ReadonlySet<string> {
  const before = known.get(crl)
  if (before) return before
  const { entries } = parseCrl(crl.der, 'badCrl')
  const serials = new Set([...readCrlEntries(entries)].map(({ serialNumber }) => serialNumber))
  known.set(crl, serials)
  return serials
}
