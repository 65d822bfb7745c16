import { CaError } from '../errors.ts'
import { normaliseName } from '../pki/names/normalise.ts'
import { NAME_TYPES, type NameType, type SubjectName } from '../pki/names/san.ts'
import { normaliseSerial } from '../pki/serial-number.ts'

/** Which certificate is meant: by a name in it, by its serial number, or that of whoever asks. */
export type CertificateChoice =
  | { readonly by: 'name'; readonly name: SubjectName }
  | { readonly by: 'serial'; readonly serialNumber: string }
  | { readonly by: 'self' }

/** What a resource name of the secret discovery service asks for. */
export type ResourceName =
  | {
      readonly kind: 'certificate'
      readonly choice: CertificateChoice
      /** Where the private key is on Envoy's machine: it never comes here. */
      readonly keyFile: string
      readonly purpose: 'serverAuth' | 'clientAuth'
      readonly staple: boolean
    }
  | { readonly kind: 'trust'; readonly bundle: string; readonly crl: boolean }

/** Without control characters. */
const ABSOLUTE_PATH = /^\/\P{Cc}+$/u

/** UTF-16 units: a path of Linux's 4,096 octets and a name before it. */
const MAX_LENGTH = 4608

const HELP =
  'Names of secrets are "roots" or an authority’s id (trust and CRLs), or "dns:web.example.test?key=/path/of/the/key", "serial:<hexadecimal>?key=/path" or "self?key=/path" (a certificate and its staple).'

/** Envoy's names are opaque; these say all that is needed, so that nothing has to be configured here. */
export function parseResourceName(text: string): ResourceName {
  if (text.length > MAX_LENGTH) refuse(text, `It has more than ${MAX_LENGTH} characters.`)
  const at = text.lastIndexOf('?')
  const subject = at < 0 ? text : text.slice(0, at)
  const options = readOptions(at < 0 ? '' : text.slice(at + 1), text)
  const isTrust = /^[a-z0-9][a-z0-9-]{0,62}$/.test(subject) && subject !== 'self'
  return isTrust ? trust(subject, options, text) : certificate(subject, options, text)
}

function trust(bundle: string, options: Map<string, string>, text: string): ResourceName {
  const crl = choose(options, 'crl', ['all', 'none'], text)
  refuseOthers(options, ['crl'], text)
  return { kind: 'trust', bundle, crl: crl === 'all' }
}

function certificate(subject: string, options: Map<string, string>, text: string): ResourceName {
  const choice = readChoice(subject, text)
  const keyFile = options.get('key')
  if (keyFile === undefined || !ABSOLUTE_PATH.test(keyFile)) {
    refuse(text, 'It needs "?key=" and the absolute path of the private key on Envoy’s machine.')
  }
  const staple = choose(options, 'staple', ['inline', 'none'], text) === 'inline'
  const purpose =
    choose(options, 'use', ['server', 'client'], text) === 'server' ? 'serverAuth' : 'clientAuth'
  refuseOthers(options, ['key', 'staple', 'use'], text)
  return { kind: 'certificate', choice, keyFile, purpose, staple }
}

function readChoice(subject: string, text: string): CertificateChoice {
  if (subject === 'self') return { by: 'self' }
  const [, kind, value] = /^([a-z]+):(.+)$/s.exec(subject) ?? []
  if (kind === 'serial') return { by: 'serial', serialNumber: normaliseSerial(value!) }
  if (NAME_TYPES.some((type) => type === kind)) {
    return { by: 'name', name: normaliseName(kind as NameType, value!) }
  }
  return refuse(text, HELP)
}

function readOptions(query: string, text: string): Map<string, string> {
  const options = new Map<string, string>()
  for (const part of query === '' ? [] : query.split('&')) {
    const [, name, value] = /^([a-z]+)=(.+)$/s.exec(part) ?? []
    if (name === undefined || options.has(name)) refuse(text, HELP)
    options.set(name, value!)
  }
  return options
}

/** One of two values, the first by default. */
function choose(
  options: Map<string, string>,
  name: string,
  values: readonly [string, string],
  text: string,
): string {
  const value = options.get(name) ?? values[0]
  if (!values.includes(value)) refuse(text, `"${name}" is ${values.join(' or ')}.`)
  return value
}

function refuseOthers(options: Map<string, string>, known: readonly string[], text: string): void {
  const other = [...options.keys()].find((name) => !known.includes(name))
  if (other !== undefined) refuse(text, `"${other}" is not known there. Known: ${known.join(', ')}.`)
}

function refuse(text: string, why: string): never {
  throw new CaError('malformedRequest', `"${text.slice(0, 200)}" names no secret. ${why}`)
}
