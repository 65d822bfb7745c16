import { TAG } from '../der/write.ts'
import { readName } from '../distinguished-name.ts'

type RelativeName = ReturnType<typeof readName>[number]
type Attribute = RelativeName[number]

/**
 * How values are compared. Relying parties agree on little (RFC 5280 7.1): "narrowest" takes for equal only what all of
 * them do, ASCII letters in any case and any white space; "widest" whatever one of them might.
 */
type Comparison = 'narrowest' | 'widest'

/** Whether the name begins with all the RDNs of the base (RFC 5280 4.2.1.10). Both are DER Names. */
export function directoryCovers(base: Buffer, name: Buffer, comparison: Comparison): boolean {
  const limit = readName(base)
  const names = readName(name)
  return limit.length <= names.length && limit.every((one, i) => sameRelativeName(one, names[i]!, comparison))
}

function sameRelativeName(a: RelativeName, b: RelativeName, comparison: Comparison): boolean {
  const within = (one: Attribute, others: RelativeName) =>
    others.some((other) => one.oid === other.oid && sameValue(one, other, comparison))
  return a.length === b.length && a.every((one) => within(one, b)) && b.every((one) => within(one, a))
}

function sameValue(a: Attribute, b: Attribute, comparison: Comparison): boolean {
  if (a.bytes.equals(b.bytes)) return true
  const [one, other] = [text(a), text(b)]
  if (one === undefined || other === undefined) return comparison === 'widest'
  return fold(one, comparison) === fold(other, comparison)
}

function fold(value: string, comparison: Comparison): string {
  const spaced = value.replace(/\s+/g, ' ').trim()
  if (comparison === 'narrowest') return spaced.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  return spaced.normalize('NFKC').toUpperCase().toLowerCase()
}

/** undefined for what is no text, or no text that all readers read alike. */
function text({ tag, content }: Attribute): string | undefined {
  if (tag === TAG.utf8String) {
    const decoded = content.toString('utf8')
    return Buffer.from(decoded, 'utf8').equals(content) ? decoded : undefined
  }
  const ascii = tag === TAG.printableString || tag === TAG.ia5String || tag === TAG.t61String
  return ascii && content.every((octet) => octet < 0x80) ? content.toString('latin1') : undefined
}
