import { DerReader } from '../der/read.ts'
import { namedBits, TAG } from '../der/write.ts'
import { ANY_PURPOSE, EXTENSION, extendedKeyUsageOf } from './extensions.ts'
import { KEY_USAGES, type KeyUsage } from './key-usage.ts'
import type { TbsInfo } from './parse.ts'

/** BasicConstraints (RFC 5280 4.2.1.9); without the extension it is not a CA. `CaError` 'badAuthorityCertificate'. */
export function readBasicConstraints(info: TbsInfo): {
  ca: boolean
  pathLength: number | null
} {
  const outer = extensionReader(info, EXTENSION.basicConstraints)
  if (!outer) return { ca: false, pathLength: null }
  const reader = outer.enter()
  outer.end()
  const ca = reader.tag === TAG.boolean
  if (ca && !reader.boolean()) reader.fail('spells out a default value')
  const pathLength = reader.done ? null : reader.smallInteger()
  reader.end()
  if (pathLength !== null && !ca) reader.fail('has a path length without being a CA')
  return { ca, pathLength }
}

/** KeyUsage, or null where the extension is absent and nothing is restricted. `CaError` 'badAuthorityCertificate'. */
export function readKeyUsage(info: Pick<TbsInfo, 'extensions'>): Set<KeyUsage> | null {
  const reader = extensionReader(info, EXTENSION.keyUsage)
  if (!reader) return null
  const { bytes, content } = reader.expect(TAG.bitString)
  reader.end()
  const set = KEY_USAGES.flatMap((usage, bit) => {
    const octet = content[1 + (bit >> 3)] ?? 0
    return octet & (0x80 >> (bit & 7)) ? [{ usage, bit }] : []
  })
  // Encoding it again catches unused bits that are set, trailing zero bits and bits that RFC 5280 does not know.
  if (set.length === 0 || !namedBits(set.map(({ bit }) => bit)).equals(bytes))
    reader.fail('has a broken key usage')
  return new Set(set.map(({ usage }) => usage))
}

/**
 * The purposes, dotted, to which relying parties keep the certificates below a CA: its extended key usage. Null where it has
 * none, or any. `CaError` 'badAuthorityCertificate'.
 */
export function readPurposes(info: Pick<TbsInfo, 'extensions'>): readonly string[] | null {
  const extension = info.extensions.find(({ oid }) => oid === EXTENSION.extendedKeyUsage)
  if (!extension) return null
  const purposes = extendedKeyUsageOf(extension.value, 'badAuthorityCertificate')
  return purposes.includes(ANY_PURPOSE) ? null : purposes
}

function extensionReader(info: Pick<TbsInfo, 'extensions'>, id: string): DerReader | undefined {
  const extension = info.extensions.find((candidate) => candidate.oid === id)
  return extension && new DerReader(extension.value, 'certificate', 'badAuthorityCertificate')
}
