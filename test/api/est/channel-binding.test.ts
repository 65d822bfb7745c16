import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { context, printableString } from '../../../src/pki/der/write.ts'
import { attribute, buildCsr, dnsNames, requesting } from '../../pki/csr/building.ts'
import { csrDer, type Identity, newKey } from '../requests.ts'
import { basic, EstCa } from './est-ca.ts'
import { TlsClient } from './tls-client.ts'

const CHALLENGE_PASSWORD = '1.2.840.113549.1.9.7'
const IDENTITY_LINKING = '1.2.840.113549.1.9.16.2.58'

let est: EstCa
let authorization: string
beforeAll(async () => {
  est = await EstCa.create({
    est: {
      names: ['example.test'],
      labels: {
        required: { channelBinding: 'required' },
        allowed: { channelBinding: 'allowed' },
        ignored: { channelBinding: 'ignored' },
      },
    },
  })
  authorization = basic(...(await est.user()))
})
afterAll(() => est.close())

const names = requesting(dnsNames('web.example.test'))

/** A CSR whose attribute holds this text. */
function bound(text: string, type = CHALLENGE_PASSWORD): Buffer {
  const attributes = context(0, names.subarray(2), attribute(type, printableString(text)))
  return buildCsr({ key: newKey(), subject: Buffer.of(0x30, 0), attributes })
}
const unbound = () => csrDer(['dns:web.example.test'])

async function send(client: TlsClient, label: string, csr: Buffer, operation = 'simpleenroll') {
  const before = await est.ca.inventory()
  const answer = await client.request('POST', `/.well-known/est/${label}/${operation}`, {
    headers: { 'Content-Type': 'application/pkcs10', Authorization: authorization },
    body: csr.toString('base64'),
  })
  const issued = (await est.ca.inventory()).length - before.length
  expect(issued, answer.body.toString()).toBe(answer.status === 200 ? 1 : 0)
  return answer.status
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s', (version) => {
  const clients: TlsClient[] = []
  afterAll(() => {
    for (const client of clients) client.close()
  })
  async function connect(more: { session?: Buffer; identity?: Identity } = {}): Promise<TlsClient> {
    const client = await TlsClient.connect(est.port, est.ca.rootPem, version, more)
    clients.push(client)
    return client
  }

  async function resumed(): Promise<TlsClient> {
    const first = await connect()
    await first.request('GET', '/.well-known/est/csrattrs')
    const second = await connect({ session: await first.session })
    expect(second.socket.isSessionReused()).toBe(true)
    return second
  }

  describe.each([
    ['a full handshake', () => connect()],
    ['a resumed session', resumed],
  ])('after %s', (_, open) => {
    test.each(['required', 'allowed', 'ignored'])(
      'what binds the CSR to the connection is right where it is %s',
      async (label) => {
        const client = await open()
        expect(await send(client, label, bound(client.channelBinding))).toBe(200)
        // The connection lives on, and so does its binding.
        expect(await send(client, label, bound(client.channelBinding))).toBe(200)
        expect(await send(client, label, bound(client.channelBinding), 'serverkeygen')).toBe(200)
      },
    )

    test('the base64 may have line ends, as in what globalsign/est sends', async () => {
      const client = await open()
      const text = client.channelBinding
      expect(await send(client, 'required', bound(`${text}\r\n`))).toBe(200)
      expect(await send(client, 'required', bound(`${text.slice(0, 8)}\n${text.slice(8)}`))).toBe(200)
      expect(await send(client, 'required', bound('\r\n'))).toBe(400)
      expect(await send(client, 'required', bound(`${text}\r\nA`))).toBe(400)
    })

    test('a CSR is refused on another connection than its own', async () => {
      const client = await open()
      const csr = bound(client.channelBinding)
      expect(await send(client, 'required', csr)).toBe(200)
      const other = await open()
      expect(await send(other, 'required', csr)).toBe(400)
      expect(await send(other, 'allowed', csr)).toBe(400)
      expect(await send(other, 'required', csr, 'serverkeygen')).toBe(400)
      expect(await send(other, 'ignored', csr)).toBe(200)
      const [row] = await est.ca.audit('certificate.refuse')
      expect(row).toMatchObject({ detail: { code: 'badCsrSignature' } })
    })
  })

  test('estIdentityLinking (RFC 7894) counts as well, and each that is there must be right', async () => {
    const client = await connect()
    expect(await send(client, 'required', bound(client.channelBinding, IDENTITY_LINKING))).toBe(200)
    const wrong = bound('AAAA', IDENTITY_LINKING)
    expect(await send(client, 'required', wrong)).toBe(400)
    expect(await send(client, 'allowed', wrong)).toBe(400)
  })

  test('none at all is refused only where it is required', async () => {
    const client = await connect()
    expect(await send(client, 'required', unbound())).toBe(400)
    expect(await send(client, 'allowed', unbound())).toBe(200)
    expect(await send(client, 'ignored', unbound())).toBe(200)
  })

  test('a value that is wrong, cut off, longer, not in base64 or of the other end is refused', async () => {
    const client = await connect()
    const value = client.channelBinding
    const others = [client.socket.getFinished()!, client.socket.getPeerFinished()!]
      .map((octets) => octets.toString('base64'))
      .filter((text) => text !== value)
    for (const wrong of [
      'secret',
      value.slice(0, -4),
      `${value}AAAA`,
      value.toLowerCase(),
      value.replace(/=*$/, ' '),
      Buffer.from(value, 'base64').toString('hex'),
      ...others,
    ]) {
      for (const label of ['required', 'allowed']) {
        expect(await send(client, label, bound(wrong)), wrong).toBe(400)
      }
      expect(await send(client, 'ignored', bound(wrong)), wrong).toBe(200)
    }
  })

  test('a re-enrolment is bound in the same way', async () => {
    const { identity } = await est.holder(['dns:web.example.test'])
    const [client, other] = [await connect({ identity }), await connect({ identity })]
    const csr = bound(client.channelBinding)
    expect(await send(other, 'required', csr, 'simplereenroll')).toBe(400)
    expect(await send(client, 'required', unbound(), 'simplereenroll')).toBe(400)
    expect(await send(client, 'required', csr, 'simplereenroll')).toBe(200)
  })
})

// TLS 1.3 knows none: there a client cannot begin it.
test('the connection keeps its first handshake: a new one ends it (RFC 7030 3.5), and hears why', async () => {
  const client = await TlsClient.connect(est.port, est.ca.rootPem, 'TLSv1.2')
  client.socket.on('error', () => {})
  const heard: Buffer[] = []
  client.socket.on('data', (part: Buffer) => heard.push(part))
  const closed = once(client.socket, 'close')
  // Where the session is taken up again, the client may be done with it before it hears that the server is not.
  client.socket.renegotiate({}, () => {})
  await closed
  expect(Buffer.concat(heard).toString()).toContain('one TLS handshake here')
})

test('csrattrs asks for the binding where it is required, and only there', async () => {
  const oid = Buffer.from('06092a864886f70d010907', 'hex')
  const asks = async (label: string) => {
    const { body } = await est.ask({ at: `${label}/csrattrs`, method: 'GET' })
    return Buffer.from(body.toString(), 'base64').includes(oid)
  }
  expect(await Promise.all(['required', 'allowed', 'ignored'].map(asks))).toEqual([true, false, false])
})
