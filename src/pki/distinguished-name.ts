import { CaError, type ErrorCode } from '../errors.ts'
import { DerReader } from './der/read.ts'
import { oid, printableString, sequence, setOf, TAG, utf8String } from './der/write.ts'
import { badName } from './names/bad-name.ts'

/** Upper bounds in characters from RFC 5280 appendix A.1; `printable` where it allows PrintableString alone. */
const ATTRIBUTES = {
  CN: { oid: '2.5.4.3', bound: 64, printable: false },
  O: { oid: '2.5.4.10', bound: 64, printable: false },
  OU: { oid: '2.5.4.11', bound: 64, printable: false },
  C: { oid: '2.5.4.6', bound: 2, printable: true },
  ST: { oid: '2.5.4.8', bound: 128, printable: false },
  L: { oid: '2.5.4.7', bound: 128, printable: false },
  serialNumber: { oid: '2.5.4.5', bound: 64, printable: true },
} as const

export interface NameAttribute {
  readonly type: keyof typeof ATTRIBUTES
  readonly value: string
}

/** Short names for text (RFC 4514 3, and serialNumber from RFC 4519): more than Chancery itself encodes. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ...Object.entries(ATTRIBUTES).map(([name, attribute]) => [attribute.oid, name] as const),
  ['2.5.4.9', 'STREET'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
])

/** A DER Name, one attribute in each RDN, in the order given; none gives the empty name. `CaError` 'badName'. */
export function encodeName(attributes: readonly NameAttribute[]): Buffer {
  return sequence(...attributes.map(encodeRelativeName))
}

/**
 * One RDN of one attribute. Without a value it is that of a NameTemplate (RFC 9908 3.4), for others to fill in.
 * `CaError` 'badName'.
 */
export function encodeRelativeName(attribute: NameAttribute | Pick<NameAttribute, 'type'>): Buffer {
  const { oid: id, printable } = ATTRIBUTES[attribute.type]
  if (!('value' in attribute)) return setOf(sequence(oid(id)))
  checkAttribute(attribute)
  const value = printable ? printableString(attribute.value) : utf8String(attribute.value)
  return setOf(sequence(oid(id), value))
}

/** The RDNs of one DER Name, and then those of another. */
export function nameBelow(above: Uint8Array, name: Uint8Array): Buffer {
  return sequence(
    ...[above, name].map((der) => new DerReader(der, 'distinguished name').expect(TAG.sequence).content),
  )
}

/** A DER Name without the RDNs that have an attribute of this type. */
export function nameWithout(name: Uint8Array, type: NameAttribute['type']): Buffer {
  const kept = readName(name).filter((attributes) =>
    attributes.every((one) => one.oid !== attributeOid(type)),
  )
  return sequence(
    ...kept.map((attributes) => setOf(...attributes.map(({ oid: id, bytes }) => sequence(oid(id), bytes)))),
  )
}

/** The OBJECT IDENTIFIER of a subject attribute, dotted. */
export function attributeOid(type: NameAttribute['type']): string {
  return ATTRIBUTES[type].oid
}

function checkAttribute({ type, value }: NameAttribute): void {
  const { bound, printable } = ATTRIBUTES[type]
  if (value === '') throw refusal(`The subject attribute ${type} is empty; leave it out instead.`)
  // Characters, not UTF-16 units: that is what the ASN.1 bounds count.
  if ([...value].length > bound) {
    throw refusal(
      `The subject attribute ${type} is longer than ${bound} characters, the most that RFC 5280 allows.`,
    )
  }
  if (type === 'C' && !/^[A-Z]{2}$/.test(value)) {
    throw refusal('The subject attribute C is an ISO 3166 country code: two capital letters.')
  }
  if (printable && !/^[A-Za-z0-9 '()+,\-./:=?]+$/.test(value)) {
    throw refusal(`The subject attribute ${type} has a character that a PrintableString cannot hold.`)
  }
  if (!value.isWellFormed() || /\p{Cc}/u.test(value)) {
    throw refusal(`The subject attribute ${type} has a control character or broken Unicode.`)
  }
}

interface AttributeValue {
  readonly oid: string
  readonly tag: number
  readonly content: Buffer
  /** The value's whole TLV. */
  readonly bytes: Buffer
}

/** The RDNs of a DER Name, in order. What the values hold is not judged. */
export function readName(
  der: Uint8Array,
  what = 'distinguished name',
  code: ErrorCode = 'badName',
): (readonly AttributeValue[])[] {
  const outer = new DerReader(der, what, code)
  const names = outer.enter()
  outer.end()
  const relativeNames: AttributeValue[][] = []
  while (!names.done) {
    const set = names.enter(TAG.set)
    const attributes: AttributeValue[] = []
    let previous: Buffer | undefined
    while (!set.done) {
      const element = set.expect(TAG.sequence)
      // X.690 11.6: a SET OF is sorted, so that equal names have equal bytes.
      if (previous && Buffer.compare(previous, element.bytes) >= 0)
        set.fail('has an unsorted or repeated attribute')
      previous = element.bytes
      const attribute = set.into(element)
      const id = attribute.oid()
      const { tag, content, bytes } = attribute.next()
      attributes.push({ oid: id, tag, content, bytes })
      attribute.end()
    }
    if (attributes.length === 0) set.fail('has an empty relative distinguished name')
    relativeNames.push(attributes)
  }
  return relativeNames
}

/** RFC 4514 text of a DER Name, last RDN first; unknown attributes as dotted=#hex. `CaError` 'badName' on bad DER. */
export function nameToText(der: Uint8Array): string {
  return readName(der)
    .reverse()
    .map((attributes) => attributes.map(attributeToText).join('+'))
    .join(',')
}

function attributeToText(attribute: AttributeValue): string {
  const name = SHORT_NAMES.get(attribute.oid)
  const text = name && decodeText(attribute)
  if (text === undefined) return `${name ?? attribute.oid}=#${attribute.bytes.toString('hex')}`
  return `${name}=${escapeText(text)}`
}

/** undefined for types whose text is ambiguous, and for octets that do not fit the type: those stay hexadecimal. */
function decodeText({ tag, content }: AttributeValue): string | undefined {
  const ascii = tag === TAG.printableString || tag === TAG.ia5String
  if (ascii) return content.every((octet) => octet < 0x80) ? content.toString('latin1') : undefined
  if (tag !== TAG.utf8String) return undefined
  const text = content.toString('utf8')
  return Buffer.from(text, 'utf8').equals(content) ? text : undefined
}

/** RFC 4514 2.4. Control and direction characters too: they must not rearrange a log line or a terminal. */
function escapeText(text: string): string {
  return text
    .replace(/["+,;<>\\]/g, '\\$&')
    .replace(/^[ #]|(?<!^) $/g, '\\$&')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
      Buffer.from(character, 'utf8').toString('hex').replace(/../g, '\\$&'),
    )
}

/**
 * Attributes in encoding order from RFC 4514 text such as "CN=Example Root,O=Example": the text's last
 * is encoded first. Several attributes in one RDN ("+") and "#hex" values are refused. `CaError` 'badName'.
 */
export function parseDnText(text: string): NameAttribute[] {
  if (text.trim() === '') return []
  // A part ends at a comma that no backslash escapes.
  const parts = text.match(/(?:^|,)(?:\\.|[^\\,])*/gsu)
  if (parts?.join('') !== text) throw refusal('The distinguished name ends in a lone backslash.')
  return parts.map((part) => parseAttribute(part.replace(/^,/, ''))).reverse()
}

function parseAttribute(part: string): NameAttribute {
  const equals = part.indexOf('=')
  const wanted = part.slice(0, Math.max(equals, 0)).trim().toLowerCase()
  const types = Object.keys(ATTRIBUTES) as NameAttribute['type'][]
  const type = types.find((candidate) => candidate.toLowerCase() === wanted)
  if (!type) {
    throw badName('subject attribute', part.trim(), `is not TYPE=value with a TYPE among ${types.join(', ')}`)
  }
  // Spaces around a value do not count unless they are escaped.
  const raw = part
    .slice(equals + 1)
    .replace(/^ +/, '')
    .replace(/((?:\\.|[^\\])*?) *$/su, '$1')
  if (raw.startsWith('#') || /^(?:\\.|[^\\])*?["+;<>]/su.test(raw)) {
    throw refusal(`The value of ${type} has one of "+;<># unescaped; put a backslash before it.`)
  }
  const attribute = { type, value: unescapeText(raw) }
  checkAttribute(attribute)
  return attribute
}

function unescapeText(raw: string): string {
  return raw.replace(/(?:\\[0-9a-f]{2})+|\\(.)/gisu, (pairs, character: string | undefined) => {
    if (character === undefined) return decodeHexPairs(pairs)
    if (!' "#+,;<=>\\'.includes(character))
      throw badName('escape', `\\${character}`, 'is none that RFC 4514 knows')
    return character
  })
}

function decodeHexPairs(pairs: string): string {
  const octets = Buffer.from(pairs.replaceAll('\\', ''), 'hex')
  const text = octets.toString('utf8')
  if (!Buffer.from(text, 'utf8').equals(octets)) throw badName('escape', pairs, 'is not UTF-8')
  return text
}

function refusal(detail: string): CaError {
  return new CaError('badName', detail)
}
