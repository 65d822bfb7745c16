import { CaError } from '../../errors.ts'
import { TAG } from '../der/write.ts'
import type { Attribute } from './attributes.ts'
import { singleValue } from './single-value.ts'

/** An algorithm that the client can read, perhaps with parameters (RFC 8551 2.5.2). */
export interface SmimeCapability {
  /** Dotted. */
  readonly oid: string
  /** A whole TLV. */
  readonly parameters: Buffer | null
}

/** How a client of serverkeygen wants its private key encrypted. */
export interface KeyProtection {
  /** By a secret that both have, or by a public key of the client. */
  readonly method: 'symmetric' | 'asymmetric'
  /** Which secret or key: a subjectKeyIdentifier or whatever both agreed on. */
  readonly keyIdentifier: Buffer
  /** In the client's order of preference; empty if it said nothing. */
  readonly capabilities: readonly SmimeCapability[]
}

const SMIME_CAPABILITIES = '1.2.840.113549.1.9.15'
const DECRYPT_KEY_IDENTIFIER = '1.2.840.113549.1.9.16.2.37'
const ASYMMETRIC_DECRYPT_KEY_IDENTIFIER = '1.2.840.113549.1.9.16.2.54'

/** Honest clients list about ten. */
const MOST_CAPABILITIES = 64

const LONGEST_IDENTIFIER = 255

/**
 * DecryptKeyIdentifier (RFC 7030 4.4.1.1), AsymmetricDecryptKeyIdentifier (4.4.1.2) and SMIMECapabilities; null where
 * neither identifier is there, since without a key to encrypt to nothing was asked for. `malformedCsr`.
 */
export function readKeyProtection(attributes: readonly Attribute[]): KeyProtection | null {
  const symmetric = readIdentifier(attributes, DECRYPT_KEY_IDENTIFIER, 'DecryptKeyIdentifier')
  const asymmetric = readIdentifier(
    attributes,
    ASYMMETRIC_DECRYPT_KEY_IDENTIFIER,
    'AsymmetricDecryptKeyIdentifier',
  )
  if (symmetric && asymmetric) {
    throw new CaError(
      'malformedCsr',
      'The CSR asks for its private key to be encrypted with a secret and to a public key; ask for one of them.',
    )
  }
  const keyIdentifier = symmetric ?? asymmetric
  if (!keyIdentifier) return null
  return {
    method: symmetric ? 'symmetric' : 'asymmetric',
    keyIdentifier,
    capabilities: readCapabilities(attributes),
  }
}

function readIdentifier(attributes: readonly Attribute[], oid: string, name: string): Buffer | null {
  const reader = singleValue(attributes, oid, name)
  if (!reader) return null
  const { content } = reader.expect(TAG.octetString)
  reader.end()
  if (content.length === 0 || content.length > LONGEST_IDENTIFIER) {
    throw new CaError(
      'malformedCsr',
      `The CSR has a ${name} of ${content.length} octets; it has 1 to ${LONGEST_IDENTIFIER}.`,
    )
  }
  return content
}

function readCapabilities(attributes: readonly Attribute[]): SmimeCapability[] {
  const outer = singleValue(attributes, SMIME_CAPABILITIES, 'SMIMECapabilities')
  if (!outer) return []
  const reader = outer.enter()
  outer.end()
  const capabilities: SmimeCapability[] = []
  while (!reader.done) {
    if (capabilities.length === MOST_CAPABILITIES) {
      throw new CaError('malformedCsr', `The CSR lists more than ${MOST_CAPABILITIES} S/MIME capabilities.`)
    }
    const capability = reader.enter()
    const oid = capability.oid()
    const parameters = capability.done ? null : capability.next().bytes
    capability.end()
    capabilities.push({ oid, parameters })
  }
  return capabilities
}
