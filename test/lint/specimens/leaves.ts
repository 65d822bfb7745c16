import { serviceIdentity } from '../../../src/ca/service-identity.ts'
import { KEY_TYPES } from '../../../src/pki/keys/algorithms.ts'
import { decodePem } from '../../../src/pki/pem.ts'
import type { CertificateRow } from '../../../src/store/queries.ts'
import type { Specimen } from '../pkilint.ts'
import { type Enrolment, enrol, type LintCa } from './ca.ts'

const SPIFFE_ID = 'uri:spiffe://example.test/ns/default/sa/web'
const rsa = ['RSA-2048', 'RSA-3072', 'RSA-4096']

/** Profiles that use every option which changes a certificate. */
export const CUSTOM_PROFILES = {
  stapled: { extends: 'server', mustStaple: true },
  policied: { extends: 'server', policies: ['2.23.140.1.2.1', '1.3.6.1.4.1.32473.1'] },
  wildcard: { extends: 'server', names: { dns: { wildcards: true } } },
  nameless: { extends: 'server', commonName: 'none' },
  mail: {
    extends: 'client',
    keyUsage: ['digitalSignature', 'nonRepudiation', 'keyEncipherment'],
    extendedKeyUsage: ['emailProtection'],
    keyTypes: rsa,
    names: { types: ['email'] },
  },
  organised: {
    extends: 'server',
    subject: {
      country: 'CH',
      state: 'Zürich',
      locality: 'Zürich',
      organization: 'Beispiel & Söhne',
      organizationalUnit: 'Betrieb',
    },
  },
  'code-signing': { extends: 'client', extendedKeyUsage: ['codeSigning'] },
  'time-stamping': { extends: 'client', extendedKeyUsage: ['timeStamping'] },
  'own-purpose': { extends: 'client', extendedKeyUsage: ['clientAuth', '1.3.6.1.4.1.32473.2'] },
  'no-purpose': { extends: 'client', extendedKeyUsage: [] },
  encryption: {
    extends: 'client',
    keyUsage: ['keyEncipherment', 'dataEncipherment'],
    keyTypes: rsa,
  },
  agreement: {
    extends: 'client',
    keyUsage: ['keyAgreement', 'encipherOnly'],
    keyTypes: ['P-256', 'P-384', 'P-521'],
  },
  'no-pointers': { extends: 'server', crlDistributionPoint: false, authorityInformation: false },
  'no-revocation': { extends: 'short-lived', authorityInformation: false },
  blockchain: { extends: 'client', keyTypes: ['secp256k1'] },
}

/** What is asked for, by the name of the specimen. */
const ENROLMENTS: Readonly<Record<string, Enrolment>> = {
  server: { profile: 'server', commonName: 'web.example.test' },
  'server with many names': {
    profile: 'server',
    names: [
      'dns:web.example.test',
      'dns:web',
      'dns:xn--bcher-kva.example.test',
      'ip:192.0.2.7',
      'ip:2001:db8::7',
      ...Array.from({ length: 90 }, (_, n) => `dns:host-${n}.example.test`),
    ],
    commonName: 'web',
  },
  'server with an IPv6 address alone': { profile: 'server', names: ['ip:2001:db8::7'] },
  'server with the longest DNS name': {
    profile: 'server',
    names: [`dns:${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`],
  },
  client: { profile: 'client', names: ['email:user@example.test'], commonName: 'user@example.test' },
  'client with a URI': { profile: 'client', names: ['uri:https://example.test/users/7?a=b'] },
  'client with an opaque URI': {
    profile: 'client',
    names: ['uri:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6'],
  },
  peer: { profile: 'peer', names: ['dns:a.example.test', 'ip:192.0.2.1', SPIFFE_ID] },
  spiffe: { profile: 'spiffe', names: [SPIFFE_ID] },
  'short-lived': { profile: 'short-lived' },
  stapled: { profile: 'stapled' },
  policied: { profile: 'policied' },
  wildcard: { profile: 'wildcard', names: ['dns:*.example.test'], commonName: '*.example.test' },
  nameless: { profile: 'nameless', commonName: 'web.example.test' },
  mail: {
    profile: 'mail',
    names: ["email:o'brien+tag@mail.example.test"],
    commonName: "o'brien+tag@mail.example.test",
    keyType: 'RSA-2048',
  },
  organised: { profile: 'organised', commonName: 'web.example.test' },
  'code-signing': { profile: 'code-signing' },
  'time-stamping': { profile: 'time-stamping' },
  'own-purpose': { profile: 'own-purpose' },
  'no-purpose': { profile: 'no-purpose' },
  encryption: { profile: 'encryption', keyType: 'RSA-2048' },
  agreement: { profile: 'agreement' },
  'no-pointers': { profile: 'no-pointers' },
  'no-revocation': { profile: 'no-revocation' },
  blockchain: { profile: 'blockchain', keyType: 'secp256k1' },
}

/** Every profile is here: `test/lint/conformance.test.ts` compares. */
export const LINTED_PROFILES = new Set(Object.values(ENROLMENTS).map(({ profile }) => profile))

/** One certificate for each of these, for each type of key, and what the service issues by itself. */
export async function leafSpecimens(ca: LintCa): Promise<Specimen[]> {
  const specimens: Specimen[] = []
  for (const [name, enrolment] of Object.entries(ENROLMENTS)) {
    specimens.push(...leaf(name, await enrol(ca, enrolment), ca))
  }
  for (const keyType of KEY_TYPES.filter((type) => type !== 'secp256k1')) {
    specimens.push(...leaf(`server with a ${keyType} key`, await enrol(ca, { keyType }), ca))
  }
  const renewed = await enrol(ca, { renewalOf: await enrol(ca, { commonName: 'web.example.test' }) })
  specimens.push(...leaf('a renewed server', renewed, ca))
  specimens.push({ kind: 'certificate', name: 'the service’s own', files: [await ownCertificate(ca)] })
  return specimens
}

/** The certificate, and the certificate below its issuer. */
export function leaf(name: string, { der, authority }: CertificateRow, { service }: LintCa): Specimen[] {
  return [
    { kind: 'certificate', name, files: [der] },
    { kind: 'chain', name, files: [service.authorities.get(authority)!.certificate.der, der] },
  ]
}

async function ownCertificate({ service, directory }: LintCa): Promise<Buffer> {
  const { passphrase } = service.keyPlace()
  const names = [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ] as const
  const onFault = (error: unknown) => {
    throw error
  }
  const { certificate } = await serviceIdentity({ ...service, directory, passphrase, names, onFault })
  return decodePem(certificate, 'service certificate')[0]!.der
}
