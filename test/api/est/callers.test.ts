import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { printableString } from '../../../src/pki/der/write.ts'
import { eventually } from '../../eventually.ts'
import { expectProblem } from '../ca-fixture.ts'
import { csrDer, newKey } from '../requests.ts'
import { attributedCsr } from './attributed-csr.ts'
import { selfSigned } from './device-hierarchy.ts'
import { EstCa } from './est-ca.ts'

const WEB = ['dns:web.example.test']

let est: EstCa
beforeAll(async () => {
  est = await EstCa.create({
    profiles: { final: { extends: 'server', renewal: false } },
    est: {
      names: ['example.test'],
      labels: {
        devices: { profile: 'client' },
        certificates: { auth: ['certificate'] },
        passwords: { auth: ['basic'] },
        narrow: { names: [] },
        unbound: { channelBinding: 'ignored' },
        final: { profile: 'final', names: [] },
      },
    },
  })
})
afterAll(() => est.close())

const expectChallenge = ({ status, headers }: Awaited<ReturnType<EstCa['refused']>>) =>
  expect([status, headers['www-authenticate']]).toEqual([401, 'Basic realm="chancery"'])

describe.each(['simpleenroll', 'serverkeygen'])('%s by password', (at) => {
  const csr = csrDer(WEB)

  test('is open to the user', async () => {
    expect((await est.ask({ at, csr, user: await est.user() })).status).toBe(200)
  })

  test('is closed to strangers, and says how to authenticate', async () => {
    expectChallenge(await est.refused({ at, csr }))
  })

  test('is closed to a wrong password, an unknown name, a name in another case and an empty password', async () => {
    const [name, password] = await est.user()
    const words = new Set<string>()
    for (const user of [
      [name, `${password}x`],
      ['nobody', password],
      [name.toUpperCase(), password],
      [name, ''],
      ['', password],
    ] as const) {
      const answer = await est.refused({ at, csr, user })
      expectChallenge(answer)
      words.add(answer.text)
    }
    // Else whoever tries would learn which names there are.
    expect(words.size).toBe(1)
  })

  test('is closed to a user that is revoked', async () => {
    const user = await est.user()
    await est.ca.call(`/v1/est/users/${user[0]}`, { method: 'DELETE' })
    expectChallenge(await est.refused({ at, csr, user }))
  })

  test('is closed to a user of another label, without a label too', async () => {
    const user = await est.user({ label: 'passwords' })
    expectChallenge(await est.refused({ at, csr, user }))
    expectChallenge(await est.refused({ at: `narrow/${at}`, csr, user }))
    expect((await est.ask({ at: `passwords/${at}`, csr, user })).status).toBe(200)
  })

  test('is closed where the label takes certificates alone', async () => {
    expectChallenge(await est.refused({ at: `certificates/${at}`, csr, user: await est.user() }))
  })

  test('is closed to a token where the label takes none', async () => {
    const { token } = await est.ca.token({ names: WEB })
    expectChallenge(await est.refused({ at: `passwords/${at}`, csr, user: ['x', token] }))
    expect((await est.ask({ at, csr, user: ['x', token] })).status).toBe(200)
  })

  test('is closed to an admin key as the password, and to what REST takes', async () => {
    expectChallenge(await est.refused({ at, csr, user: ['admin', est.ca.adminKey] }))
    const { token } = await est.ca.token({ names: WEB })
    expectChallenge(await est.refused({ at, csr, headers: { authorization: `Bearer ${token}` } }))
  })

  test.each(['Basic', 'Basic !', 'Basic bm9jb2xvbg==', 'Digest username="x"'])(
    'is closed to the header "%s"',
    async (authorization) => expectChallenge(await est.refused({ at, csr, headers: { authorization } })),
  )

  test('is closed to a wrong password though a certificate is shown', async () => {
    const { identity } = await est.holder(WEB)
    expectChallenge(await est.refused({ at, csr, identity, user: ['nobody', 'x'] }))
  })
})

test('no user is made for a label that takes no passwords, or that there is not', async () => {
  const make = (label: string) => est.ca.call('/v1/est/users', { body: { name: 'useless', label } })
  expectProblem(await make('certificates'), 400, 'malformedRequest', /takes no passwords/)
  expectProblem(await make('nowhere'), 404, 'notFound')
})

test('no user is made without a life, and its name stays free', async () => {
  const make = (more: object) => est.ca.call('/v1/est/users', { body: { name: 'short-lived', ...more } })
  expectProblem(await make({ ttl: 0 }), 400, 'malformedRequest', /at least one second/)
  expect((await make({ ttl: 1 })).status).toBe(201)
})

test('a user is closed out when its time is over', async () => {
  const user = await est.user({ ttl: '1h' })
  const csr = csrDer(WEB)
  expect((await est.ask({ csr, user })).status).toBe(200)
  est.ca.now += 3600 * 1000
  expectChallenge(await est.refused({ csr: csrDer(WEB), user }))
})

test('a token whose answer was lost gives the same certificate to a CSR that is signed and bound anew, for the same key alone', async () => {
  const { token } = await est.ca.token({ names: WEB })
  const user = ['x', token] as const
  const key = newKey()
  const first = await est.enrolled({ csr: csrDer(WEB, { key }), user })
  expect((await est.enrolled({ csr: csrDer(WEB, { key }), user })).serialNumber).toBe(first.serialNumber)
  const at = 'unbound/simpleenroll'
  const bound = (text: string) => attributedCsr(WEB, [['1.2.840.113549.1.9.7', printableString(text)]], key)
  const second = ['x', (await est.ca.token({ names: WEB })).token] as const
  const { serialNumber } = await est.enrolled({ at, csr: bound('b25l'), user: second })
  expect((await est.enrolled({ at, csr: bound('b3RoZXI='), user: second })).serialNumber).toBe(serialNumber)
  expect((await est.refused({ at, csr: csrDer(WEB), user: second })).status).toBe(403)
  const forged = bound('Zm9yZ2Vk')
  forged[forged.length - 1]! ^= 1
  expect((await est.refused({ at, csr: forged, user: second })).status).toBe(400)
})

test('a token that is spent opens nothing but its own certificate, and makes no key', async () => {
  const { token } = await est.ca.token({ names: WEB })
  const csr = csrDer(WEB)
  const first = await est.enrolled({ csr, user: ['x', token] })
  expect((await est.enrolled({ csr, user: ['x', token] })).serialNumber).toBe(first.serialNumber)
  expect((await est.refused({ csr: csrDer(WEB), user: ['x', token] })).status).toBe(403)
  expect((await est.refused({ at: 'serverkeygen', csr, user: ['x', token] })).status).toBe(403)
  expect((await est.refused({ csr: csrDer(['dns:a.test']), user: ['x', token] })).status).toBe(403)
})

describe.each(['simpleenroll', 'simplereenroll', 'serverkeygen'])('%s by certificate', (at) => {
  const csr = csrDer(WEB)

  test('is open to a certificate of this CA', async () => {
    const { identity } = await est.holder(WEB)
    const { status, text } = await est.ask({ at, csr, identity })
    expect(status, text).toBe(200)
  })

  // Another certificate cannot help there; where a password can, it is asked for.
  const expectEnded = async (identity: Awaited<ReturnType<EstCa['holder']>>['identity']) => {
    expect((await est.refused({ at: `certificates/${at}`, csr, identity })).status).toBe(403)
    const answer = await est.refused({ at, csr, identity })
    if (at === 'simplereenroll') return expect(answer.status).toBe(403)
    expectChallenge(answer)
    expect((await est.ask({ at, csr, identity, user: await est.user() })).status).toBe(200)
  }

  test('is closed to one that is revoked', async () => {
    const { identity, serialNumber } = await est.holder(WEB)
    await est.ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: { reason: 'keyCompromise' } })
    await expectEnded(identity)
  })

  test('is closed to one that has expired', async () => {
    const { identity } = await est.holder(WEB)
    const { now } = est.ca
    try {
      est.ca.now += 91 * 86_400 * 1000
      await expectEnded(identity)
    } finally {
      est.ca.now = now
    }
  })

  test('is closed to a certificate that signed itself, with the names of one that is good', async () => {
    expectChallenge(await est.refused({ at, csr, identity: selfSigned('web.example.test') }))
  })

  test('is closed to the key of a certificate of another CA', async () => {
    const other = await EstCa.create({})
    try {
      const { identity } = await other.holder(WEB)
      expectChallenge(await est.refused({ at, csr, identity }))
    } finally {
      await other.close()
    }
  })

  test('is closed where the label takes passwords alone', async () => {
    const { identity } = await est.holder(WEB)
    const answer = await est.refused({ at: `passwords/${at}`, csr, identity })
    expectChallenge(answer)
    expect(answer.headers['chancery-detail'] ?? answer.text).toContain(
      'Client certificates open nothing here',
    )
  })

  test('is closed to the page of another site in the holder’s browser', async () => {
    const { identity } = await est.holder(WEB)
    const headers = { origin: 'https://evil.example' }
    expect((await est.refused({ at, csr, identity, headers })).status).toBe(403)
  })
})

test.each(['simpleenroll', 'serverkeygen'])(
  '%s asks beside a certificate for a password that may help, without a body that BouncyCastle would have to read',
  async (at) => {
    const csr = csrDer(WEB)
    const { identity, serialNumber } = await est.holder(WEB)
    await est.ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: {} })
    const { text, headers } = await est.refused({ at, csr, identity })
    expect([text, headers['content-length'], headers['chancery-detail']]).toEqual([
      '',
      '0',
      expect.stringContaining('revoked'),
    ])
    expect((await est.ask({ at, csr, identity, user: await est.user() })).status).toBe(200)
    const alone = await est.refused({ at: `certificates/${at}`, csr, identity })
    expect([alone.status, alone.text]).toEqual([403, expect.stringContaining('revoked')])
  },
)

test('simplereenroll is closed without a certificate, whatever the password', async () => {
  const csr = csrDer(WEB)
  expectChallenge(await est.refused({ at: 'simplereenroll', csr, user: await est.user() }))
  expectChallenge(await est.refused({ at: 'simplereenroll', csr }))
})

describe('a certificate of this CA', () => {
  test('gives its names under the profile that it has, and no other: it may renew itself and nothing else', async () => {
    const csr = csrDer(WEB)
    const server = await est.holder(WEB)
    const peer = await est.holder(WEB, { profile: 'peer' })
    expect(
      (await est.enrolled({ at: 'narrow/simpleenroll', csr, identity: server.identity })).subjectAltName,
    ).toBe('DNS:web.example.test')
    expect((await est.refused({ at: 'narrow/simpleenroll', csr, identity: peer.identity })).status).toBe(403)
  })

  test('gives no names where its profile allows no renewal', async () => {
    const { identity } = await est.holder(WEB, { profile: 'final' })
    expect((await est.refused({ at: 'final/simpleenroll', csr: csrDer(WEB), identity })).status).toBe(403)
    expect((await est.refused({ at: 'final/simplereenroll', csr: csrDer(WEB), identity })).status).toBe(403)
  })
})

test('the request log says who asked, and a spent token that is shown, whose refusals nothing else has', async () => {
  const csr = csrDer(WEB)
  const { id, token } = await est.ca.token({ names: { dns: ['web.example.test'] } })
  const { identity, serialNumber } = await est.holder(WEB)
  const [name, password] = await est.user()
  const before = est.ca.log.length
  await est.enrolled({ csr, user: ['x', token] })
  await est.refused({ csr: csrDer(['dns:other.example.test']), user: ['x', token] })
  await est.enrolled({ csr, user: [name, password] })
  await est.refused({ at: 'serverkeygen', csr: csrDer(['dns:web.example.org']), user: [name, password] })
  await est.enrolled({ at: 'simplereenroll', csr, identity })
  await est.refused({ csr, user: [name, 'wrong'] })
  const lines = () => est.ca.log.slice(before).map((line) => JSON.parse(line))
  const callers = () =>
    lines().flatMap(({ msg, path, principal }) =>
      msg === 'request' && path.startsWith('/.well-known/est/') ? [principal] : [],
    )
  const user = `est:${name}`
  // A line is written once the answer has gone out.
  await eventually(() => expect(callers()).toHaveLength(6))
  expect(callers()).toEqual([
    `token:${id}`,
    `token:${id}`,
    user,
    user,
    `certificate:${serialNumber}`,
    undefined,
  ])
  const spent = lines().filter(({ msg }) => msg === 'A spent token was shown')
  expect(spent.map(({ principal }) => principal)).toEqual([`token:${id}`])
})
