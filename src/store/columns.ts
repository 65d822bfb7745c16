import { NAME_TYPES, type NameType, nameText, type SubjectName } from '../pki/names/san.ts'

/** How values of the domain stand in the columns of the database; used alike by what writes and what reads them. */

const HEX = /^(?:[0-9a-f]{2})+$/

/** A serial number's octets; empty, which no certificate has, if the text is not of the form the store uses. */
export function serialOctets(serialNumber: string): Buffer {
  return Buffer.from(HEX.test(serialNumber) ? serialNumber : '', 'hex')
}

/** Names in their order, as JSON text. */
export function namesColumn(names: readonly SubjectName[]): string {
  return JSON.stringify(names.map(nameText))
}

export function readNames(column: string): SubjectName[] {
  return (JSON.parse(column) as string[]).map((text) => {
    const colon = text.indexOf(':')
    const type = text.slice(0, colon)
    if (!isNameType(type)) throw new Error(`the store holds a name of unknown type: ${type}`)
    return { type, value: text.slice(colon + 1) }
  })
}

function isNameType(text: string): text is NameType {
  return (NAME_TYPES as readonly string[]).includes(text)
}

/**
 * What a name is found by. DNS names are turned back to front, so that a suffix is a prefix; an IP address, e-mail
 * address or URI stays. They cannot meet: only the latter hold ":" or "@" or are dotted decimals.
 */
export function searchKey(name: string): string {
  if (/[:@]/.test(name) || /^[\d.]+$/.test(name)) return name
  return [...name.toLowerCase()].reverse().join('')
}

/** An audit row's target: hexadecimal text takes half the room as octets. Exact in both directions. */
export function targetColumn(target: string): Buffer | string {
  return HEX.test(target) ? Buffer.from(target, 'hex') : target
}

export function readTarget(column: Buffer | string): string {
  // A number stands there only if somebody else put it there: the audit log's proof must name its row, not break off.
  return Buffer.isBuffer(column) ? column.toString('hex') : String(column)
}

const CERTIFICATE = 'certificate:'

/** A principal's id: a certificate's, which stands in every renewal, as its serial number's octets. Exact both ways. */
export function principalColumn(id: string): Buffer | string {
  const digits = id.startsWith(CERTIFICATE) ? id.slice(CERTIFICATE.length) : ''
  return HEX.test(digits) ? Buffer.from(digits, 'hex') : id
}

export function readPrincipal(column: Buffer | string): string {
  return Buffer.isBuffer(column) ? CERTIFICATE + column.toString('hex') : String(column)
}

/** In `crls` -1 stands for all certificates: a key column is better never null. */
export function partitionColumn(partition: number | null): number {
  return partition ?? -1
}
