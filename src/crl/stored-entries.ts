import { DerReader } from '../pki/der/read.ts'
import { TAG } from '../pki/der/write.ts'

const WHAT = 'stored CRL'

/**
 * Whether a stored CRL lists exactly what is revoked now. `entriesSince(floor)` gives the entries of the
 * certificates that expire at or after `floor`, one after the other. Those that expired before the CRL was
 * made may or may not stand in it.
 */
export function listsTheSame(
  crl: { readonly der: Uint8Array; readonly thisUpdate: number },
  entriesSince: (floor: number) => Uint8Array,
): boolean {
  const listed = split(revokedCertificates(crl.der))
  // Revoked since: an entry that must be listed and is not.
  for (const entry of split(entriesSince(crl.thisUpdate))) if (!listed.has(entry)) return false
  // Released since: an entry that is listed and is no more a fact.
  const facts = split(entriesSince(0))
  for (const entry of listed) if (!facts.has(entry)) return false
  return true
}

/** The content of revokedCertificates (RFC 5280 5.1); empty where the CRL has none. */
export function revokedCertificates(der: Uint8Array): Buffer {
  const tbs = new DerReader(der, WHAT).enter().enter()
  tbs.integer() // version
  tbs.expect(TAG.sequence) // signature
  tbs.expect(TAG.sequence) // issuer
  tbs.time()
  tbs.time()
  return tbs.optional(TAG.sequence)?.content ?? Buffer.alloc(0)
}

function split(entries: Uint8Array): Set<string> {
  const reader = new DerReader(entries, WHAT)
  const found = new Set<string>()
  while (!reader.done) found.add(reader.expect(TAG.sequence).bytes.toString('latin1'))
  return found
}
