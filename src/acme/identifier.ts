import { CaError } from '../errors.ts'
import { normaliseName } from '../pki/names/normalise.ts'
import { nameText, type SubjectName } from '../pki/names/san.ts'
import type { AcmeReuse } from '../store/acme-commands.ts'
import { AcmeError, type AcmeIdentifier } from './problem.ts'

/** Reads an identifier of an order (RFC 8555 7.1.3, RFC 8738 3). Throws "unsupportedIdentifier" or "malformed". */
export function readIdentifier(given: unknown): SubjectName {
  const { type, value } = (typeof given === 'object' && given !== null ? given : {}) as Record<
    string,
    unknown
  >
  if (typeof type !== 'string' || typeof value !== 'string') {
    throw new AcmeError('malformed', 'An identifier has a type and a value, both texts.')
  }
  if (type !== 'dns' && type !== 'ip') {
    throw new AcmeError(
      'unsupportedIdentifier',
      `Identifiers of type ${JSON.stringify(type.slice(0, 40))} are not known here; "dns" and "ip" are.`,
    )
  }
  try {
    return normaliseName(type, value)
  } catch (error) {
    if (!(error instanceof CaError)) throw error
    throw new AcmeError('malformed', error.detail)
  }
}

/** The wire form of "dns:web.example.test", as the store has it. */
export function identifierOf(text: string): AcmeIdentifier {
  const colon = text.indexOf(':')
  return { type: text.slice(0, colon) as AcmeIdentifier['type'], value: text.slice(colon + 1) }
}

/** What is proven for a name: a wildcard's base, and whether the wildcard above it is meant. */
export interface Proof {
  /** "dns:example.test" */
  readonly identifier: string
  readonly wildcard: boolean
  /** Whether it holds for names below as well (RFC 9444). */
  readonly subdomains: boolean
}

/** What must be proven for a name; with `ancestor`, the proof for that domain and all below it. */
export function proofOf(name: SubjectName, ancestor?: SubjectName): Proof {
  if (ancestor) return { identifier: nameText(ancestor), wildcard: false, subdomains: true }
  const wildcard = name.type === 'dns' && name.value.startsWith('*.')
  const identifier = wildcard ? `dns:${name.value.slice(2)}` : nameText(name)
  return { identifier, wildcard, subdomains: false }
}

/** Every proof that will do for a name: its own, or one for a domain above that holds for names below it; of `most` of these, the nearest first. */
export function sufficientProofs(name: SubjectName, most = Number.POSITIVE_INFINITY): AcmeReuse[] {
  const own = proofOf(name)
  if (name.type !== 'dns' || own.wildcard) return [own]
  const above = ancestors(name.value, most).map((value) => ({
    identifier: `dns:${value}`,
    wildcard: false,
    subdomains: true,
  }))
  return [own, ...above]
}

/** "a.b.test" lies below "b.test" and "test". */
export function isBelow(name: string, ancestor: string): boolean {
  return ancestors(name).includes(ancestor)
}

/** The nearest first. */
function ancestors(name: string, most = Number.POSITIVE_INFINITY): string[] {
  const found: string[] = []
  for (let dot = name.indexOf('.'); dot >= 0 && found.length < most; dot = name.indexOf('.', dot + 1))
    found.push(name.slice(dot + 1))
  return found
}
