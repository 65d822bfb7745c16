import { createPublicKey, type KeyObject } from 'node:crypto'
import { epochSeconds, systemClock } from '../../../src/clock.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  extendedKeyUsage,
  keyUsage,
  subjectKeyIdentifier,
} from '../../../src/pki/certificate/extensions.ts'
import { encodeTbs } from '../../../src/pki/certificate/tbs.ts'
import { encodeName } from '../../../src/pki/distinguished-name.ts'
import { signatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'
import { encodePem } from '../../../src/pki/pem.ts'
import { newSerialNumber } from '../../../src/pki/serial-number.ts'
import { identifierOf, signTbs, spkiOf } from '../../pki/certificate/sample.ts'
import { type Identity, keyPem, newKey } from '../requests.ts'

const DAY = 86_400

export interface Made {
  readonly name: string
  readonly key: KeyObject
  readonly der: Buffer
  readonly pem: string
}

export interface Shape {
  readonly ca?: boolean
  readonly pathLength?: number
  /** By name or number. */
  readonly purposes?: readonly string[]
  /** Days from now. */
  readonly from?: number
  readonly to?: number
  readonly key?: KeyObject
}

/** What a manufacturer of devices makes. Signed by itself where there is no issuer. */
export function make(name: string, issuer: Made | null, shape: Shape = {}): Made {
  const { ca = false, pathLength, purposes = [], from = -1, to = 3650, key = newKey() } = shape
  const algorithm = signatureAlgorithm('ec', 'sha256')
  const now = epochSeconds(systemClock())
  const publicKey = createPublicKey(key)
  const extensions: Extension[] = [
    basicConstraints({ ca, pathLength }),
    keyUsage(ca ? ['keyCertSign', 'cRLSign'] : ['digitalSignature']),
    subjectKeyIdentifier(identifierOf(publicKey)),
    ...(purposes.length > 0 ? [extendedKeyUsage([...purposes], false)] : []),
    ...(issuer ? [authorityKeyIdentifier(identifierOf(createPublicKey(issuer.key)))] : []),
  ]
  const subject = encodeName([{ type: 'CN', value: name }])
  const tbs = encodeTbs({
    serialNumber: newSerialNumber(),
    signature: algorithm,
    issuer: issuer ? encodeName([{ type: 'CN', value: issuer.name }]) : subject,
    subject,
    notBefore: now + from * DAY,
    notAfter: now + to * DAY,
    spki: spkiOf(publicKey),
    extensions,
  })
  const der = signTbs(tbs, algorithm, (issuer ?? { key }).key)
  return { name, key, der, pem: encodePem('CERTIFICATE', der) }
}

/** What a TLS client shows: its own certificate, and others after it. */
export function identityOf(leaf: Made, ...others: readonly Made[]): Identity {
  return { key: keyPem(leaf.key), certificate: [leaf, ...others].map(({ pem }) => pem).join('') }
}

export function selfSigned(name: string): Identity {
  return identityOf(make(name, null))
}
