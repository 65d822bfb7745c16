import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Origin, Principal } from '../../src/auth/principal.ts'
import { signerFault } from '../../src/ca/audit-chain/prove-signer.ts'
import type { Authorities } from '../../src/ca/authorities.ts'
import type { Authority } from '../../src/ca/authority.ts'
import { publicUrls } from '../../src/ca/certificate-template.ts'
import { Issuer } from '../../src/ca/issue.ts'
import type { Signer } from '../../src/ca/signer.ts'
import type { Profile } from '../../src/config/profile-schema.ts'
import { CaError } from '../../src/errors.ts'
import { parseCsr } from '../../src/pki/csr/parse.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import { readPublicKey } from '../../src/pki/keys/public-key.ts'
import type { CommandKind } from '../../src/store/commands.ts'
import type { Store } from '../../src/store/store.ts'
import { PUBLIC_URL, TestCa } from '../api/ca-fixture.ts'
import { csrDer } from '../api/requests.ts'

const ADMIN: Principal = { kind: 'admin', id: 'admin:test' }
const ORIGIN: Origin = { address: '192.0.2.1', requestId: 'request-1' }

let ca: TestCa
/** What the signer was asked to sign. */
let signed: Uint8Array[]
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())
beforeEach(() => {
  signed = []
})

interface Parts {
  readonly profiles?: Map<string, Profile>
  readonly sign?: Signer['sign']
  readonly nameLimits?: Authority['nameLimits']
  readonly purposeLimits?: Authority['purposeLimits']
  readonly write?: (kind: CommandKind, pass: () => Promise<unknown>) => Promise<unknown>
}

/** An issuer over the real store and keys, with a signer that remembers and whatever parts a test replaces. */
function newIssuer({ profiles = new Map(ca.service.profiles), sign, write, ...limits }: Parts = {}): Issuer {
  const { service } = ca
  const authorities: Authorities = Object.create(service.authorities, {
    recorded: { value: () => {} },
    issuing: {
      value: (id?: string) => {
        const authority = service.authorities.issuing(id)
        const signer: Signer = {
          ...authority.signer,
          sign: (tbs) => {
            signed.push(tbs)
            return (sign ?? authority.signer.sign)(tbs)
          },
        }
        return { ...authority, ...limits, signer }
      },
    },
  })
  const store: Store = Object.create(service.store, {
    write: {
      value: (kind: CommandKind, input: never) => {
        const pass = () => service.store.write(kind, input)
        return write ? write(kind, pass) : pass()
      },
    },
  })
  return new Issuer({
    store,
    clock: ca.clock,
    authorities,
    profiles,
    defaultProfile: 'server',
    urls: () => publicUrls(PUBLIC_URL),
    crlPartitions: () => 1,
    idempotencyKeyLife: 86_400,
    waiting: service.config.approvals,
  })
}

const request = (names = ['dns:a.example.test']) => ({
  proof: { kind: 'csr' as const, csr: parseCsr(csrDer(names)) },
})

test('what is signed is what is recorded, once', async () => {
  const { certificate } = await newIssuer().issue(request, ADMIN, ORIGIN)
  expect(signed).toHaveLength(1)
  expect(certificate.der.includes(Buffer.from(signed[0]!))).toBe(true)
  expect((await ca.service.store.read.certificate(certificate.serialNumber))?.der).toEqual(certificate.der)
})

test('the service’s own certificates stand below a directory name that the authority may certify', async () => {
  const limit = (...names: Buffer[]) => ({
    permitted: names.map((base) => ({ type: 'directory' as const, base })),
    excluded: [],
  })
  const [country, other] = [[{ type: 'C' as const, value: 'DE' }], [{ type: 'O' as const, value: 'Other' }]]
  const example = [...country, { type: 'O' as const, value: 'Example' }]
  const nameLimits = [limit(encodeName(other), encodeName(example)), limit(encodeName(country))]
  const under = async (profile: string) => {
    const wish = () => ({ proof: { kind: 'csr' as const, csr: parseCsr(csrDer([])) }, profile })
    return (await newIssuer({ nameLimits }).issue(wish, { kind: 'system', id: 'system:test' }, ORIGIN))
      .certificate
  }
  expect((await under('chancery-ocsp')).subject).toBe('CN=OCSP responder,O=Example,C=DE')
  const audit = await under('chancery-audit')
  expect(audit.subject).toBe('CN=Chancery audit log,O=Example,C=DE')
  const { certificate, chain } = ca.service.authorities.issuing()
  const signer = { certificate: audit.der, above: [certificate.der] }
  expect(signerFault(signer, [chain.at(-1)!])).toBeNull()
})

describe('nothing is signed', () => {
  test.for([
    ['what policy refuses', () => request(['dns:*.example.test']), 'nameNotAllowed'],
    [
      'a CSR that proves nothing',
      () => {
        const der = csrDer(['dns:a.example.test'])
        der[der.length - 1]! ^= 1
        return { proof: { kind: 'csr' as const, csr: parseCsr(der) } }
      },
      'badCsrSignature',
    ],
    [
      'a TLS key for a new certificate',
      () => ({
        proof: { kind: 'tls' as const, publicKey: readPublicKey(request().proof.csr.publicKey.spki) },
      }),
      'malformedCsr',
    ],
  ] as const)('for %s', async ([, wish, code]) => {
    const before = await ca.inventory()
    await expect(newIssuer().issue(wish, ADMIN, ORIGIN)).rejects.toMatchObject({ code })
    expect(signed).toEqual([])
    expect(await ca.inventory()).toEqual(before)
    expect((await ca.audit('certificate.refuse'))[0]).toMatchObject({
      ...ORIGIN,
      actor: 'admin:test',
      detail: { code },
    })
  })

  test('for a subject outside the directory names that the authority may certify', async () => {
    const nameLimits = [
      {
        permitted: [{ type: 'directory' as const, base: encodeName([{ type: 'O', value: 'Example' }]) }],
        excluded: [],
      },
    ]
    const withSubject = (value: string) => {
      const server = ca.service.profiles.get('server')!
      const profile: Profile = { ...server, subject: [{ type: 'O', value }] }
      return newIssuer({ nameLimits, profiles: new Map([['server', profile]]) })
    }
    await expect(withSubject('Other').issue(request, ADMIN, ORIGIN)).rejects.toMatchObject({
      code: 'nameNotAllowed',
      detail: expect.stringMatching(/leave out the subject "O=Other"/),
    })
    expect(signed).toEqual([])
    const { certificate } = await withSubject('EXAMPLE').issue(request, ADMIN, ORIGIN)
    expect(certificate.subject).toBe('O=EXAMPLE')
    const renewal = () => ({ ...request(), renewalOf: certificate })
    await expect(withSubject('Other').issue(renewal, ADMIN, ORIGIN)).resolves.toBeDefined()
    const narrower = [
      {
        permitted: [{ type: 'directory' as const, base: encodeName([{ type: 'O', value: 'Other' }]) }],
        excluded: [],
      },
    ]
    await expect(newIssuer({ nameLimits: narrower }).issue(renewal, ADMIN, ORIGIN)).rejects.toMatchObject({
      code: 'nameNotAllowed',
      detail: expect.stringContaining('"O=EXAMPLE", which a renewal keeps: enrol again'),
    })
    await expect(newIssuer({ nameLimits }).issue(request, ADMIN, ORIGIN)).resolves.toBeDefined()
  })

  test('under a profile of whose purposes the authority may certify none', async () => {
    const [serverAuth, clientAuth] = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']
    const issuer = newIssuer({ purposeLimits: [[serverAuth, clientAuth], [serverAuth]] })
    const under = (profile: string) => issuer.issue(() => ({ ...request(), profile }), ADMIN, ORIGIN)
    await expect(under('client')).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringMatching(/leaves out every purpose of profile "client" \(clientAuth\)/),
    })
    expect(signed).toEqual([])
    for (const profile of ['server', 'peer']) await expect(under(profile)).resolves.toBeDefined()
  })

  test('where the template and the grant differ: a program’s fault, and the log alone learns which', async () => {
    const profiles = new Map(ca.service.profiles)
    const issuer = newIssuer({ profiles })
    await issuer.issue(request, ADMIN, ORIGIN)
    // The profile changes under an issuer that keeps its templates.
    profiles.set('server', {
      ...profiles.get('server')!,
      keyUsage: ['digitalSignature', 'keyEncipherment'],
      mustStaple: true,
    })
    const before = await ca.inventory()
    await expect(issuer.issue(request, ADMIN, ORIGIN)).rejects.toMatchObject({
      code: 'internal',
      detail: 'The certificate differs from what was granted: tlsFeature, keyUsage.',
    })
    expect(signed).toHaveLength(1)
    expect(await ca.inventory()).toEqual(before)
    expect((await ca.audit('certificate.refuse'))[0]).toMatchObject({
      result: 'failed',
      detail: { detail: 'see the log' },
    })
  })
})

test('a common name that is no DNS name is left out where relying parties hold it against DNS constraints', async () => {
  const nameLimits = [
    {
      permitted: [
        { type: 'dns' as const, base: Buffer.from('example.test') },
        { type: 'ip' as const, base: Buffer.from('0a000000ff000000', 'hex') },
      ],
      excluded: [],
    },
  ]
  const subjectOf = async (limited: boolean, profile: string, names: string[], commonName: string) => {
    const csr = parseCsr(csrDer(names, { commonName }))
    const wish = () => ({ profile, proof: { kind: 'csr' as const, csr } })
    const { certificate } = await newIssuer(limited ? { nameLimits } : {}).issue(wish, ADMIN, ORIGIN)
    return certificate.subject
  }
  expect(await subjectOf(true, 'server', ['ip:10.0.0.1'], '10.0.0.1')).toBe('')
  expect(await subjectOf(false, 'server', ['ip:10.0.0.1'], '10.0.0.1')).toBe('CN=10.0.0.1')
  // A dNSName beside it is what they look at.
  const both = ['ip:10.0.0.1', 'dns:a.example.test']
  expect(await subjectOf(true, 'server', both, '10.0.0.1')).toBe('CN=10.0.0.1')
  const id = 'spiffe://example.test/a'
  expect(await subjectOf(true, 'peer', [`uri:${id}`], id)).toBe('')
  expect(await subjectOf(true, 'client', ['email:jo@example.test'], 'jo@example.test')).toBe(
    'CN=jo@example.test',
  )
  // A renewal by an authority that has such constraints, where the one before had none.
  for (const [names, kept] of [
    [['ip:10.0.0.1'], 'O=Example'],
    [both, 'CN=10.0.0.1,O=Example'],
  ] as const) {
    const server = ca.service.profiles.get('server')!
    const profiles = new Map([['server', { ...server, subject: [{ type: 'O' as const, value: 'Example' }] }]])
    const csr = parseCsr(csrDer([...names], { commonName: '10.0.0.1' }))
    const wish = { proof: { kind: 'csr' as const, csr } }
    const { certificate } = await newIssuer({ profiles }).issue(() => wish, ADMIN, ORIGIN)
    expect(certificate.subject).toBe('CN=10.0.0.1,O=Example')
    const renewal = { ...wish, renewalOf: certificate }
    const renewed = await newIssuer({ profiles, nameLimits }).issue(() => renewal, ADMIN, ORIGIN)
    expect(renewed.certificate.subject).toBe(kept)
  }
})

test('an ACME order, which cannot wait, is refused where its profile has come to need approval', async () => {
  const profiles = new Map(ca.service.profiles)
  profiles.set('server', { ...profiles.get('server')!, approval: 'enrol' })
  const names = request().proof.csr.names
  const order = { orderId: 1, grantedAt: 0, profile: 'server', names }
  const account = { kind: 'account' as const, id: 'account:1', accountId: 1, order }
  await expect(newIssuer({ profiles }).issue(request, account, ORIGIN)).rejects.toMatchObject({
    code: 'forbidden',
    detail: expect.stringMatching(/cannot wait/),
  })
  expect(signed).toEqual([])
})

describe('nothing is released', () => {
  test('before it is durable', async () => {
    const order: string[] = []
    const issuer = newIssuer({
      write: async (kind, pass) => {
        const outcome = await pass()
        order.push(`${kind} durable`)
        return outcome
      },
    })
    await issuer.issue(request, ADMIN, ORIGIN).then(() => order.push('released'))
    expect(order).toEqual(['recordIssuance durable', 'released'])
  })

  test('if the signer fails', async () => {
    const before = await ca.inventory()
    const issuer = newIssuer({ sign: () => Promise.reject(new Error('the token was pulled out')) })
    await expect(issuer.issue(request, ADMIN, ORIGIN)).rejects.toThrow('the token was pulled out')
    expect(await ca.inventory()).toEqual(before)
  })

  test.for(['storeFailed', 'overloaded'] as const)('if the record fails after signing: %s', async (code) => {
    const before = await ca.inventory()
    const audited = await ca.audit('certificate.refuse')
    const issuer = newIssuer({ write: () => Promise.reject(new CaError(code, 'It failed.')) })
    await expect(issuer.issue(request, ADMIN, ORIGIN)).rejects.toMatchObject({ code })
    expect(signed).toHaveLength(1)
    expect(await ca.inventory()).toEqual(before)
    expect(await ca.audit('certificate.refuse')).toEqual(audited)
  })

  test('and a token is not spent by what was not recorded', async () => {
    const { token } = await ca.token({ names: { dns: ['a.example.test'] } })
    const { tokenId, profile, names, expiresAt } = (await ca.service.store.read.listTokens({ limit: 1 }))
      .rows[0]!
    const holder: Principal = {
      kind: 'token',
      id: `token:${tokenId}`,
      token: { tokenId, profile, names, expiresAt, spentOn: null, requestId: null },
    }
    const failing = newIssuer({ write: () => Promise.reject(new CaError('storeFailed', 'It failed.')) })
    await expect(failing.issue(request, holder, ORIGIN)).rejects.toMatchObject({ code: 'storeFailed' })
    const answer = await ca.call('/v1/certificates', {
      as: token,
      body: csrDer(['dns:a.example.test']),
      headers: { 'content-type': 'application/pkcs10' },
    })
    expect(answer.status).toBe(201)
  })
})
