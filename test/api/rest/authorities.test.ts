import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeIntermediateCertificate, makeRootCertificate } from '../../../src/ca/hierarchy/ca-certificate.ts'
import { openRoot } from '../../../src/ca/hierarchy/root.ts'
import { createKeySigner } from '../../../src/ca/key-signer.ts'
import {
  basicConstraints,
  type Extension,
  keyUsage,
  subjectKeyIdentifier,
} from '../../../src/pki/certificate/extensions.ts'
import { parseCertificate } from '../../../src/pki/certificate/parse.ts'
import { encodeTbs } from '../../../src/pki/certificate/tbs.ts'
import { parseCsr } from '../../../src/pki/csr/parse.ts'
import { proveCsr } from '../../../src/pki/csr/prove.ts'
import { encodeName } from '../../../src/pki/distinguished-name.ts'
import { keyIdentifier, readPublicKey } from '../../../src/pki/keys/public-key.ts'
import { decodePem, encodePem } from '../../../src/pki/pem.ts'
import { newSerialNumber } from '../../../src/pki/serial-number.ts'
import { assembleSigned } from '../../../src/pki/signed.ts'
import { readCrl } from '../../crl/published.ts'
import { DAY, expectProblem, ROOT_PASSPHRASE, TestCa } from '../ca-fixture.ts'
import { installRoots, newAuthority, secondRoot } from '../new-authority.ts'
import { csrPem, newKey } from '../requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

const create = (body: object) => ca.call('/v1/authorities', { body })
const install = (id: string, body: string | Buffer, type = 'application/pem-certificate-chain') =>
  ca.call(`/v1/authorities/${id}/certificate`, { method: 'PUT', body, headers: { 'content-type': type } })
const pem = (...ders: Buffer[]) => ders.map((der) => encodePem('CERTIFICATE', der)).join('')

async function csrOf(id: string) {
  const answer = await ca.call(`/v1/authorities/${id}/csr`)
  expect(answer.headers['content-type']).toBe('application/x-pem-file')
  return parseCsr(decodePem(answer.text, 'CSR')[0]!.der)
}

/** A root of somebody else's, with everything about what it signs open to a test. */
async function newRoot(name = 'Elsewhere Root') {
  const signer = createKeySigner(newKey(), null)
  const subject = encodeName([{ type: 'CN', value: name }])
  const certificate = await makeRootCertificate(signer, subject, 3650 * DAY, ca.clock())
  async function sign(
    csr: { subject: Buffer; publicKey: { spki: Buffer } },
    changes: {
      extensions?: Extension[]
      notBefore?: number
      notAfter?: number
      issuer?: Buffer
      subject?: Buffer
      spki?: Buffer
    } = {},
  ): Promise<Buffer> {
    const spki = changes.spki ?? csr.publicKey.spki
    const tbs = encodeTbs({
      serialNumber: newSerialNumber(),
      signature: signer.algorithm,
      issuer: subject,
      subject: csr.subject,
      notBefore: ca.seconds - DAY,
      notAfter: ca.seconds + 365 * DAY,
      extensions: ISSUING(spki),
      ...changes,
      spki,
    })
    return assembleSigned(tbs, signer.algorithm, await signer.sign(tbs))
  }
  return { signer, der: certificate.der, certificate, sign }
}

const ski = (spki: Buffer) => subjectKeyIdentifier(keyIdentifier(readPublicKey(spki)))
const ISSUING = (spki: Buffer): Extension[] => [
  basicConstraints({ ca: true, pathLength: 0 }),
  keyUsage(['keyCertSign', 'cRLSign']),
  ski(spki),
]

test('the list says what each is, and how its CRL stands', async () => {
  const { json } = await ca.call('/v1/authorities')
  const [issuing, root] = ['intermediate', 'root'].map((id) =>
    json.authorities.find((one: { id: string }) => one.id === id),
  )
  expect(json.authorities).toHaveLength(2)
  expect(issuing).toMatchObject({
    role: 'issuing',
    state: 'active',
    isDefault: true,
    certificate: ca.issuerPem,
    chain: [ca.rootPem],
  })
  expect(issuing.crl).toMatchObject({ number: expect.any(Number), entries: 0 })
  expect(root).toMatchObject({ role: 'root', isDefault: false, chain: [], certificate: ca.rootPem })
  expect(root.fingerprint).toBe(
    new X509Certificate(ca.rootPem).fingerprint256.replaceAll(':', '').toLowerCase(),
  )
  expect((await ca.call('/v1/authorities/root')).json).toEqual(root)
  expectProblem(await ca.call('/v1/authorities/nonsense'), 404, 'unknownAuthority')
})

test('the hierarchy that init makes follows RFC 5280', () => {
  const [root, issuing] = [new X509Certificate(ca.rootPem), new X509Certificate(ca.issuerPem)]
  const text = (certificate: X509Certificate) =>
    parseCertificate(certificate.raw).extensions.map(({ oid, critical, value }) => [
      oid,
      critical,
      value.toString('hex'),
    ])
  expect(text(root)).toMatchObject([
    ['2.5.29.19', true, '30030101ff'],
    ['2.5.29.15', true, '03020106'],
    ['2.5.29.14', false, expect.any(String)],
  ])
  expect(text(issuing)).toMatchObject([
    ['2.5.29.19', true, '30060101ff020100'],
    ['2.5.29.15', true, '03020186'],
    ['2.5.29.14', false, expect.any(String)],
    ['2.5.29.35', false, expect.any(String)],
    // anyPolicy: leaves may name any.
    ['2.5.29.32', false, '300830060604551d2000'],
    ['2.5.29.31', false, expect.any(String)],
    ['1.3.6.1.5.5.7.1.1', false, expect.any(String)],
  ])
  expect(root.verify(root.publicKey) && issuing.verify(root.publicKey) && issuing.checkIssued(root)).toBe(
    true,
  )
})

describe('another authority', () => {
  test('is made, signed by a root elsewhere, installed, and issues', async () => {
    const made = await create({
      id: 'second',
      subject: 'CN=Second Issuing CA,O=Example',
      keyType: 'P-384',
      hash: 'sha512',
    })
    expect(made.status, made.text).toBe(201)
    expect(made.headers.location).toBe('/v1/authorities/second')
    expect(made.json).toMatchObject({
      id: 'second',
      state: 'pending',
      isDefault: false,
      certificate: null,
      crl: null,
    })
    expect(statSync(join(ca.directory, 'keys', 'second.key.pem')).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(ca.directory, 'keys', 'second.key.pem'), 'utf8')).toMatch(
      /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/,
    )
    const body = { csr: csrPem(['dns:second.example.test']), authority: 'second' }
    expectProblem(await ca.call('/v1/certificates', { body }), 404, 'unknownAuthority')

    const csr = await csrOf('second')
    await proveCsr(csr)
    expect(csr.publicKey.type).toBe('P-384')
    const root = await newRoot()
    const der = await root.sign(csr)
    const installed = await install('second', pem(der, root.der))
    expect(installed.status, installed.text).toBe(200)
    expect(installed.json).toMatchObject({ state: 'active', isDefault: false, crl: { number: ca.seconds } })
    expect((await ca.audit('authority.create'))[0]).toMatchObject({
      target: 'second',
      actor: 'admin:default',
    })
    expect(await ca.audit('authority.install')).toEqual(
      expect.arrayContaining([expect.objectContaining({ target: 'second', actor: 'admin:default' })]),
    )

    const issued = await ca.enrol(body.csr, { authority: 'second' })
    const leaf = new X509Certificate(issued.certificate)
    expect(leaf.verify(new X509Certificate(der).publicKey)).toBe(true)
    expect(parseCertificate(leaf.raw).signatureAlgorithm.oid).toBe('1.2.840.10045.4.3.4')
    expect(leaf.infoAccess).toContain('/ca/second.crt')
    // Its root is trusted now, and both serve.
    expect((await ca.call('/bundles/roots.pem', {}, ca.http)).text).toContain(pem(root.der))
    expect((await ca.call('/ca/second.crt', {}, ca.http)).body).toEqual(der)
    await ca.call(`/v1/certificates/${issued.serialNumber}/revoke`, { body: {} })
    const crl = (id: string) => ca.service.crl.current(id)!
    expect(crl('second').entries).toBe(1)
    expect(crl('intermediate').entries).toBe(0)
    // After a restart as well.
    await ca.reopen()
    expect((await ca.enrol(body.csr, { authority: 'second' })).authority).toBe('second')
    expect((await ca.enrol(body.csr)).authority).toBe('intermediate')
  })

  test('is refused below a root that is retired: it would issue what nobody trusts', async () => {
    const other = await TestCa.create()
    try {
      const { root, certificate, crl } = await secondRoot(other)
      await installRoots(other, certificate, crl)
      const retired = await other.call(`/v1/authorities/${root.id}/phase`, { body: { phase: 'retired' } })
      expect(retired.status, retired.text).toBe(200)
      const made = await newAuthority(other, 'late', { root, status: 409 })
      expectProblem(made, 409, 'conflict', /chancery authority activate/)
      expect((await other.call('/v1/authorities/late')).json).toMatchObject({ state: 'pending' })
    } finally {
      await other.close()
    }
  })

  test('signed by the root brought back from its safe', async () => {
    await create({ id: 'third', subject: 'CN=Third', pathLength: 1 })
    const root = await openRoot(join(ca.directory, 'root-offline'), ROOT_PASSPHRASE)
    const csr = await csrOf('third')
    const wish = {
      subject: csr.subject,
      spki: csr.publicKey.spki,
      pathLength: 1,
      nameConstraints: null,
      validity: 365 * DAY,
      urls: null,
    }
    const { der } = await makeIntermediateCertificate(wish, root.certificate, 'root', root.signer, ca.clock())
    expect((await install('third', pem(der, root.certificate.der))).status).toBe(200)
    // The root is known already: no second record of it.
    const { authorities } = (await ca.call('/v1/authorities')).json
    expect(
      authorities.filter(
        ({ certificate }: { certificate: string }) => certificate === pem(root.certificate.der),
      ),
    ).toHaveLength(1)
    expect(
      (await ca.call('/readyz', {}, ca.http)).json.checks.map(({ name }: { name: string }) => name),
    ).toContain('crl:third')
  })

  test.for<[string, object, number, 'badConfiguration' | 'malformedRequest' | 'conflict' | 'badName']>([
    ['the id of another', { id: 'intermediate', subject: 'CN=x' }, 409, 'conflict'],
    ['an id for no URL', { id: '../etc', subject: 'CN=x' }, 400, 'badConfiguration'],
    ['an id in capitals', { id: 'Second', subject: 'CN=x' }, 400, 'badConfiguration'],
    ['the id of the first root', { id: 'root', subject: 'CN=x' }, 400, 'badConfiguration'],
    ['the name of a bundle', { id: 'cross', subject: 'CN=x' }, 400, 'badConfiguration'],
    ['what Envoy calls itself', { id: 'self', subject: 'CN=x' }, 400, 'badConfiguration'],
    ['a key for leaves alone', { id: 'weak', subject: 'CN=x', keyType: 'RSA-2048' }, 400, 'badConfiguration'],
    ['a key type that is none', { id: 'weak', subject: 'CN=x', keyType: 'DSA' }, 400, 'malformedRequest'],
    [
      'a hash for Ed25519',
      { id: 'ed', subject: 'CN=x', keyType: 'Ed25519', hash: 'sha256' },
      400,
      'badConfiguration',
    ],
    ['no subject', { id: 'nobody' }, 400, 'malformedRequest'],
    ['the subject of another', { id: 'same', subject: 'CN=second issuing ca,O=Example' }, 409, 'conflict'],
    ['an unknown key', { id: 'x', subject: 'CN=x', chain: [] }, 400, 'malformedRequest'],
    ['a negative path length', { id: 'x', subject: 'CN=x', pathLength: -1 }, 400, 'malformedRequest'],
  ])('is refused with %s', async ([, body, status, code]) => {
    const before = (await ca.call('/v1/authorities')).json
    expectProblem(await create(body), status, code)
    expect((await ca.call('/v1/authorities')).json).toEqual(before)
  })
})

test('a key file without an authority is in the way, and the words say what to do', async () => {
  const file = join(ca.directory, 'keys', 'left-over.key.pem')
  writeFileSync(file, 'of a database that was lost', { mode: 0o600 })
  const body = { id: 'left-over', subject: 'CN=x' }
  expectProblem(await create(body), 409, 'conflict', /Move it away/)
  expect(readFileSync(file, 'utf8')).toBe('of a database that was lost')
  rmSync(file)
  expect((await create(body)).status).toBe(201)
})

test('of two made at once with one id, one is, and its key stays', async () => {
  const answers = await Promise.all([
    create({ id: 'twin', subject: 'CN=x' }),
    create({ id: 'twin', subject: 'CN=y' }),
  ])
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409])
  expect(existsSync(join(ca.directory, 'keys', 'twin.key.pem'))).toBe(true)
  expect((await install('twin', pem(await (await newRoot()).sign(await csrOf('twin'))))).json.type).toMatch(
    /badAuthorityCertificate$/,
  )
})

describe('a change', () => {
  const change = (id: string, body: object) => ca.call(`/v1/authorities/${id}`, { method: 'PATCH', body })
  const list = async (): Promise<{ id: string; state: string; isDefault: boolean }[]> =>
    (await ca.call('/v1/authorities')).json.authorities

  test('that would leave no default is refused, also when two come at once', async () => {
    await newAuthority(ca, 'next')
    // Time for the bundles: it is to become active again.
    ca.now += DAY * 1000
    expectProblem(await change('intermediate', { state: 'retired' }), 409, 'conflict', /make another one/)
    for (let turn = 0; turn < 3; turn++) {
      await change('intermediate', { isDefault: true })
      await change('next', { state: 'active' })
      const both = await Promise.all([
        change('next', { isDefault: true }),
        change('next', { state: 'retired' }),
      ])
      expect(both.map(({ status }) => status).sort()).toEqual([200, 409])
      expect((await list()).filter(({ isDefault }) => isDefault)).toMatchObject([{ state: 'active' }])
    }
    await change('intermediate', { isDefault: true })
    expect((await change('next', { state: 'active' })).json).toMatchObject({
      state: 'active',
      isDefault: false,
    })
  })
})

describe('a chain that does not fit is refused with the reason:', () => {
  let csr: Awaited<ReturnType<typeof csrOf>>
  let root: Awaited<ReturnType<typeof newRoot>>
  beforeAll(async () => {
    await create({ id: 'pending', subject: 'CN=Pending' })
    csr = await csrOf('pending')
    root = await newRoot('Pending Root')
  })

  const cases: [string, () => Promise<string>, RegExp][] = [
    [
      'another key',
      async () => pem(await root.sign(csr, { spki: createKeySigner(newKey(), null).spki }), root.der),
      /another key/,
    ],
    ['no root', async () => pem(await root.sign(csr)), /not self-signed/],
    [
      'self-signed',
      async () => {
        const signer = createKeySigner(newKey(), null)
        return pem((await makeRootCertificate(signer, csr.subject, DAY, ca.clock())).der)
      },
      /another key/,
    ],
    ['another root', async () => pem(await root.sign(csr), (await newRoot('Other')).der), /was issued by/],
    [
      'another root of the same name',
      async () => pem(await root.sign(csr), (await newRoot('Pending Root')).der),
      /does not verify/,
    ],
    ['the wrong order', async () => pem(root.der, await root.sign(csr)), /another key/],
    [
      'no CA',
      async () =>
        pem(
          await root.sign(csr, {
            extensions: [basicConstraints({ ca: false }), keyUsage(['keyCertSign', 'cRLSign'])],
          }),
          root.der,
        ),
      /no CA/,
    ],
    [
      'no basicConstraints',
      async () => pem(await root.sign(csr, { extensions: [keyUsage(['keyCertSign', 'cRLSign'])] }), root.der),
      /no CA/,
    ],
    [
      'no keyCertSign',
      async () =>
        pem(
          await root.sign(csr, { extensions: [basicConstraints({ ca: true }), keyUsage(['cRLSign'])] }),
          root.der,
        ),
      /lacks key usage keyCertSign/,
    ],
    [
      'no cRLSign',
      async () =>
        pem(
          await root.sign(csr, { extensions: [basicConstraints({ ca: true }), keyUsage(['keyCertSign'])] }),
          root.der,
        ),
      /needs the key usages keyCertSign and cRLSign/,
    ],
    ['expired', async () => pem(await root.sign(csr, { notAfter: ca.seconds - 1 }), root.der), /has expired/],
    [
      'not valid yet',
      async () => pem(await root.sign(csr, { notBefore: ca.seconds + 60 }), root.der),
      /not valid yet/,
    ],
    [
      'a path length that does not reach',
      async () => {
        const middleSigner = createKeySigner(newKey(), null)
        const middleName = encodeName([{ type: 'CN', value: 'Middle' }])
        const middle = await root.sign({ subject: middleName, publicKey: { spki: middleSigner.spki } })
        const tbs = encodeTbs({
          serialNumber: newSerialNumber(),
          signature: middleSigner.algorithm,
          issuer: middleName,
          subject: csr.subject,
          notBefore: ca.seconds,
          notAfter: ca.seconds + DAY,
          spki: csr.publicKey.spki,
          extensions: ISSUING(csr.publicKey.spki),
        })
        return pem(
          assembleSigned(tbs, middleSigner.algorithm, await middleSigner.sign(tbs)),
          middle,
          root.der,
        )
      },
      /path length 0, but 1/,
    ],
  ]
  test('the name of another authority, whatever was asked for', async () => {
    const before = (await ca.call('/v1/authorities')).json
    for (const namesake of [ca.issuerPem, pem(root.der)]) {
      const { subject } = parseCertificate(decodePem(namesake, 'certificate')[0]!.der)
      const chain = pem(await root.sign(csr, { subject }), root.der)
      expectProblem(await install('pending', chain), 409, 'conflict', /with another key/)
    }
    expect((await ca.call('/v1/authorities')).json).toEqual(before)
  })

  test('a root that has the name of the one that is here, and another key', async () => {
    const before = (await ca.call('/v1/authorities')).json
    const { subject } = before.authorities.find(({ id }: { id: string }) => id === 'root')
    const twin = await newRoot(subject.replace('CN=', ''))
    const chain = pem(await twin.sign(csr), twin.der)
    expectProblem(await install('pending', chain), 409, 'conflict', /"root" has the name .* with another key/)
    expect((await ca.call('/v1/authorities')).json).toEqual(before)
  })

  test.for(cases)('%s', async ([, chain, reason]) => {
    const before = (await ca.call('/v1/authorities')).json
    expectProblem(await install('pending', await chain()), 400, 'badAuthorityCertificate', reason)
    expect((await ca.call('/v1/authorities')).json).toEqual(before)
  })

  test('what is no chain at all', async () => {
    expectProblem(await install('pending', 'nonsense'), 400, 'malformedPem')
    expectProblem(await install('pending', csrPem(['dns:a.test'])), 400, 'malformedPem', /only certificates/)
    expectProblem(
      await install('pending', encodePem('CERTIFICATE', Buffer.of(0x30, 0))),
      400,
      'badAuthorityCertificate',
    )
    expectProblem(await install('pending', '{}', 'application/json'), 415, 'unsupportedMediaType')
    expectProblem(await install('pending', root.der, 'application/pkix-cert'), 415, 'unsupportedMediaType')
    expectProblem(await install('pending', `${pem(root.der)}${'x'.repeat(256 * 1024)}`), 413, 'bodyTooLarge')
    expectProblem(await install('root', pem(root.der)), 404, 'unknownAuthority')
    expectProblem(await install('nonsense', pem(root.der)), 404, 'unknownAuthority')
  })

  test('but a right one is taken, and a newer one for the same key later', async () => {
    const first = await root.sign(csr)
    expect((await install('pending', pem(first, root.der))).status).toBe(200)
    const second = await root.sign(csr, { notAfter: ca.seconds + 2 * 365 * DAY })
    const renewed = await install('pending', pem(second, root.der))
    expect(renewed.json.certificate).toBe(pem(second))
    const issued = await ca.enrol(csrPem(['dns:a.test']), { authority: 'pending' })
    expect(issued.chain).toEqual([pem(second)])
    expect(
      readCrl(ca.service.crl.current('pending')!.der, ca.service.authorities.get('pending')!).number,
    ).toBeGreaterThan(0)
  })
})

describe('a newer certificate for the same key', () => {
  let csr: Awaited<ReturnType<typeof csrOf>>
  let root: Awaited<ReturnType<typeof newRoot>>
  const noIdentifier = (spki: Buffer) => ISSUING(spki).slice(0, 2)
  const another = subjectKeyIdentifier(Buffer.alloc(20, 7))
  async function installed(id: string, extensions = ISSUING) {
    await create({ id, subject: `CN=Renewed,O=${id}` })
    csr = await csrOf(id)
    root = await newRoot(`Root of ${id}`)
    const first = pem(await root.sign(csr, { extensions: extensions(csr.publicKey.spki) }), root.der)
    expect((await install(id, first)).status).toBe(200)
  }

  test.for<[string, () => Parameters<typeof root.sign>[1], RegExp]>([
    [
      'another name',
      () => ({ subject: encodeName([{ type: 'CN', value: 'Renewed' }]) }),
      /is for "CN=Renewed", but the authority is "CN=Renewed,O=another-name"/,
    ],
    [
      'another key identifier',
      () => ({ extensions: [...noIdentifier(csr.publicKey.spki), another] }),
      /subject key identifier/,
    ],
    [
      'no key identifier any more',
      () => ({ extensions: noIdentifier(csr.publicKey.spki) }),
      /subject key identifier/,
    ],
  ])('is refused with %s', async ([what, changes, reason]) => {
    await installed(what.replaceAll(' ', '-'))
    const id = what.replaceAll(' ', '-')
    const before = (await ca.call('/v1/authorities')).json
    expectProblem(
      await install(id, pem(await root.sign(csr, changes()), root.der)),
      400,
      'badAuthorityCertificate',
      reason,
    )
    expect((await ca.call('/v1/authorities')).json).toEqual(before)
  })

  test('may be the first with a key identifier, if that is the one that was used', async () => {
    await installed('bare', noIdentifier)
    const wrong = await root.sign(csr, { extensions: [...noIdentifier(csr.publicKey.spki), another] })
    expectProblem(await install('bare', pem(wrong, root.der)), 400, 'badAuthorityCertificate', /identifier/)
    const right = await root.sign(csr)
    expect((await install('bare', pem(right, root.der))).status).toBe(200)
  })

  test('makes no retired authority active again', async () => {
    await installed('old')
    const retire = await ca.call('/v1/authorities/old', { method: 'PATCH', body: { state: 'retired' } })
    expect(retire.status, retire.text).toBe(200)
    const der = await root.sign(csr, { notAfter: ca.seconds + 2 * 365 * DAY })
    const renewed = await install('old', pem(der, root.der))
    expect(renewed.json).toMatchObject({ state: 'retired', isDefault: false, certificate: pem(der) })
  })
})

test('the root’s CSR does not exist, nor that of nobody', async () => {
  expectProblem(await ca.call('/v1/authorities/root/csr'), 404, 'unknownAuthority')
  expectProblem(await ca.call('/v1/authorities/nonsense/csr'), 404, 'unknownAuthority')
})
