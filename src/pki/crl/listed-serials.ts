import { parseCrl } from './parse.ts'
import { readCrlEntries } from './parse-entry.ts'

/** A full CRL: one and the same object until the next takes its place. */
export interface HeldCrl {
  readonly der: Uint8Array
}

const known = new WeakMap<HeldCrl, ReadonlyMap<string, number>>()

/** The serial numbers that it lists, hexadecimal, with the CRLReason of each. The list may be long, so it is read once. `CaError` 'badCrl' where it is none. */
export function listedSerials(crl: HeldCrl): ReadonlyMap<string, number> {
  const before = known.get(crl)
  if (before) return before
  const { entries } = parseCrl(crl.der, 'badCrl')
  const serials = new Map(
    [...readCrlEntries(entries)].map(({ serialNumber, reason }) => [serialNumber, reason]),
  )
  known.set(crl, serials)
  return serials
}
