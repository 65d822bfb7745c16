import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CertificationRequest, parseCsr } from '../../../src/pki/csr/parse.ts'
import { proveCsr } from '../../../src/pki/csr/prove.ts'
import { context, octetString, sequence, tlv, utf8String } from '../../../src/pki/der/write.ts'
import { generalNames } from '../../../src/pki/names/general-names.ts'
import { normaliseName } from '../../../src/pki/names/normalise.ts'
import { decodePem } from '../../../src/pki/pem.ts'
import { parsesOrRefuses } from '../refusal.ts'
import { attribute, buildCsr, extension, nameOf } from './building.ts'
import { readByLibrary } from './by-library.ts'

/** Ours, in the same terms as `readByLibrary`. */
function readByOurs(csr: CertificationRequest): ReturnType<typeof readByLibrary> {
  const hex = (bytes: Buffer) => bytes.toString('hex')
  return {
    signed: hex(csr.signed),
    subject: hex(csr.subject),
    commonNames: [...csr.commonNames],
    spki: hex(csr.publicKey.spki),
    keyBits: hex(csr.publicKey.bits),
    attributes: csr.attributes.map(({ oid, values }) => ({ oid, values: values.map(hex) })),
    extensions: csr.extensions.map((asked) => ({ ...asked, value: hex(asked.value) })),
    names: [...csr.names],
    signatureAlgorithm: csr.signatureAlgorithm.oid,
    signature: hex(csr.signature),
  }
}

const CONFIGURATION = `
[req]
distinguished_name = subject
req_extensions = extensions
attributes = attributes
prompt = no
[subject]
C = SE
O = Example
OU = Weaving
CN = web.example.test
emailAddress = ada@example.test
[attributes]
challengePassword = hushhush
unstructuredName = loom
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:web.example.test, DNS:*.Example.test, IP:10.0.0.1, IP:2001:db8::1, email:Ada@example.test, URI:spiffe://td/ns/web
1.3.6.1.5.5.7.1.24 = DER:3003020105
`

describe('CSRs that openssl makes', () => {
  let directory: string
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] })

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'csr-'))
    writeFileSync(join(directory, 'req.cnf'), CONFIGURATION)
    writeFileSync(
      join(directory, 'bare.cnf'),
      '[req]\ndistinguished_name = subject\nprompt = no\n[subject]\nCN = a.test\n',
    )
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  const EC = ['-algorithm', 'EC', '-pkeyopt']
  const RSA = ['-algorithm', 'RSA', '-pkeyopt']
  it.each<[type: string, genpkey: string[], req: string[]]>([
    ['P-256', [...EC, 'ec_paramgen_curve:P-256'], ['-sha256']],
    ['P-256', [...EC, 'ec_paramgen_curve:P-256'], ['-sha512', '-nameopt', 'utf8']],
    ['P-384', [...EC, 'ec_paramgen_curve:P-384'], ['-sha384']],
    ['P-521', [...EC, 'ec_paramgen_curve:P-521'], ['-sha512']],
    ['secp256k1', [...EC, 'ec_paramgen_curve:secp256k1'], ['-sha256']],
    ['RSA-2048', [...RSA, 'rsa_keygen_bits:2048'], ['-sha256']],
    ['RSA-2048', [...RSA, 'rsa_keygen_bits:2048'], ['-sha256', '-sigopt', 'rsa_padding_mode:pss']],
    ['RSA-3072', [...RSA, 'rsa_keygen_bits:3072'], ['-sha384']],
    [
      'RSA-3072',
      [...RSA, 'rsa_keygen_bits:3072'],
      ['-sha512', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:64'],
    ],
    ['RSA-4096', [...RSA, 'rsa_keygen_bits:4096'], ['-sha512']],
    ['Ed25519', ['-algorithm', 'ed25519'], []],
  ])('%s %j %j', async (type, genpkey, req) => {
    openssl('genpkey', ...genpkey, '-out', 'key.pem')
    for (const config of ['req.cnf', 'bare.cnf']) {
      const pem = openssl('req', '-new', '-key', 'key.pem', '-config', config, '-text', ...req).toString()
      const [block] = decodePem(pem, 'CSR')
      expect(block?.label).toBe('CERTIFICATE REQUEST')
      const csr = parseCsr(block!.der)
      await proveCsr(csr)
      expect(csr.publicKey.type).toBe(type)
      expect(csr.names).toHaveLength(config === 'req.cnf' ? 6 : 0)
      expect(readByOurs(csr)).toEqual(readByLibrary(block!.der))
    }
  })
})

describe('CSRs made by hand', () => {
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const text = fc.string({ maxLength: 20 })
  const oidText = fc.array(fc.nat(), { maxLength: 4 }).map((arcs) => ['1.3.6', ...arcs].join('.'))
  const san = fc
    .array(
      fc.oneof(
        fc.domain().map((value) => ['dns', value] as const),
        fc.ipV4().map((value) => ['ip', value] as const),
        fc.ipV6().map((value) => ['ip', value] as const),
        fc.webUrl().map((value) => ['uri', value] as const),
      ),
      { minLength: 1, maxLength: 5 },
    )
    .map((names) => names.map(([type, value]) => parsesOrRefuses(() => normaliseName(type, value))))
    .map((names) => names.filter((name) => name !== undefined))
    .filter((names) => names.length > 0)
    .map((names) => extension('2.5.29.17', generalNames(names), true))
  const otherExtension = fc
    .tuple(oidText, fc.uint8Array({ maxLength: 200 }), fc.boolean())
    .map(([oid, value, critical]) => extension(oid, Buffer.from(value), critical))

  it('agree in every part, or are refused', async () => {
    let agreed = 0
    const subject = fc
      .array(fc.tuple(fc.constantFrom('2.5.4.3', '2.5.4.10'), text.map(utf8String)), { maxLength: 4 })
      .map((attributes) => nameOf(...attributes))
    const requested = fc.tuple(san, fc.array(otherExtension, { maxLength: 3 }))
    const others = fc.array(fc.tuple(oidText, fc.array(text.map(utf8String), { minLength: 1, maxLength: 3 })))
    await fc.assert(
      fc.asyncProperty(subject, requested, others, async (subject, [names, extensions], others) => {
        const attributes = context(
          0,
          ...others.map(([oid, values]) => attribute(oid, ...values)),
          attribute('1.2.840.113549.1.9.14', sequence(...extensions, names)),
        )
        const der = buildCsr({ key, subject, attributes })
        const csr = parsesOrRefuses(() => parseCsr(der))
        if (!csr) return
        agreed++
        await proveCsr(csr)
        const library = readByLibrary(der)
        const unique = [...new Map(library.names.map((name) => [JSON.stringify(name), name])).values()]
        const commonNames = library.commonNames.filter((name) => name !== '')
        expect(readByOurs(csr)).toEqual({ ...library, commonNames, names: unique })
      }),
    )
    expect(agreed).toBeGreaterThan(50)
  })

  it('are the same when values nest deeply', () => {
    let value = octetString(Buffer.from('x'))
    for (let depth = 0; depth < 5000; depth++) value = tlv(0x30, value)
    const der = buildCsr({ key, attributes: context(0, attribute('1.2.3', value)) })
    expect(parseCsr(der).attributes[0]?.values[0]).toEqual(value)
  })
})
