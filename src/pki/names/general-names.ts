import { CaError, type ErrorCode } from '../../errors.ts'
import { DerReader, type Element } from '../der/read.ts'
import { sequence, tlv } from '../der/write.ts'
import { badName } from './bad-name.ts'
import { ipBytes, ipText } from './ip.ts'
import { normaliseName } from './normalise.ts'
import { NAME_TYPES, type NameType, type SubjectName } from './san.ts'

/** Of the GeneralName alternatives (RFC 5280 4.2.1.6) that Chancery certifies: IMPLICIT over a primitive string. */
export const NAME_TAG = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const satisfies Record<
  NameType,
  number
>

export const TYPE_BY_TAG: ReadonlyMap<number, NameType> = new Map(
  NAME_TYPES.map((type) => [NAME_TAG[type], type]),
)

/** Of the alternative that holds a Name. */
export const DIRECTORY_NAME_TAG = 0xa4

const OTHER_KIND_BY_TAG = new Map<number, string>([
  [0xa0, 'otherName'],
  [0xa3, 'x400Address'],
  [DIRECTORY_NAME_TAG, 'directoryName'],
  [0xa5, 'ediPartyName'],
  [0x88, 'registeredID'],
])

/** GeneralNames of normalised names, in their order. RangeError for a value that no IA5String can carry. */
export function generalNames(names: readonly SubjectName[]): Buffer {
  return sequence(...names.map(generalName))
}

export function generalName(name: SubjectName): Buffer {
  return tlv(NAME_TAG[name.type], name.type === 'ip' ? ipBytes(name.value) : ia5(name.value))
}

function ia5(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8')
  if (bytes.length !== value.length)
    throw new RangeError('a name that was not normalised has characters outside ASCII')
  return bytes
}

/** What the largest profile takes. Some names are dear to check, and 20,000 fit into a CSR. */
const MOST_NAMES = 1000

/**
 * The names of a GeneralNames, normalised, in their order. Bad structure gives `code`; a name that cannot be
 * certified, or is of another kind (otherName, directoryName), gives `badName`.
 */
export function readGeneralNames(der: Uint8Array, what: string, code: ErrorCode): SubjectName[] {
  const outer = new DerReader(der, what, code)
  const reader = outer.enter()
  outer.end()
  // RFC 5280 4.2.1.6: SIZE (1..MAX).
  if (reader.done) throw new CaError(code, `The ${what} has a list of names that is empty; leave it away.`)
  const names: SubjectName[] = []
  while (!reader.done) {
    if (names.length === MOST_NAMES)
      throw new CaError(code, `The ${what} has more than ${MOST_NAMES} names; spread them over several.`)
    names.push(readGeneralName(reader.next(), what, code))
  }
  return names
}

function readGeneralName(element: Element, what: string, code: ErrorCode): SubjectName {
  const type = TYPE_BY_TAG.get(element.tag)
  if (!type) {
    const kind = OTHER_KIND_BY_TAG.get(element.tag)
    if (!kind)
      throw new CaError(
        code,
        `The ${what} has a name with the tag 0x${element.tag.toString(16)}, which is no GeneralName.`,
      )
    throw new CaError(
      'badName',
      `The ${what} has a name of the kind ${kind}; ask for DNS, IP, e-mail and URI names only.`,
    )
  }
  if (type === 'ip') return { type, value: ipText(element.content) }
  const value = element.content.toString('latin1')
  // A NUL ends the name for consumers written in C, and other octets above 0x7f mean what the reader likes.
  if (/[\0\x80-\xff]/.test(value)) throw badName(`${type} name`, value, 'has a NUL or octets outside ASCII')
  return normaliseName(type, value)
}
