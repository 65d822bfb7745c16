import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { curlTls, enrolWithCurl, openSslRequest, relyingParty, serialOf } from './enrolment.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { command, missing } from './tools.ts'

const AS_JSON = ['-H', 'Content-Type: application/json']

describe.skipIf(missing('openssl', 'curl'))('renewal by curl over mutual TLS', () => {
  let service: ServiceProcess
  let folder: string
  beforeAll(async () => {
    service = await startService()
    folder = await relyingParty(service)
  })
  afterAll(() => service?.stop())

  /** A new certificate with its key: its serial number. */
  async function enrolled(name: string, query = ''): Promise<string> {
    await openSslRequest(folder, name, 'DNS:node.example.test,IP:192.0.2.9', {
      subject: '/CN=node.example.test',
    })
    await enrolWithCurl(folder, service, name, query)
    return serialOf(folder, `${name}.pem`)
  }
  const identity = (name: string) => ['--cert', `${name}.pem`, '--key', `${name}.key`]

  test('without a body: the same key, subject and names, and the records name each other', async () => {
    const old = await enrolled('same')
    const path = `/v1/certificates/${old}/renew`
    const chain = await curlTls(
      folder,
      service,
      path,
      [
        ...identity('same'),
        ...['-X', 'POST', '-H', 'Accept: application/pem-certificate-chain', '-o', 'renewed.pem'],
      ],
      201,
    )
    expect(chain).toBe('')
    const facts = '-noout -subject -pubkey -ext subjectAltName'
    expect(await command(folder, `openssl x509 -in renewed.pem ${facts}`)).toBe(
      await command(folder, `openssl x509 -in same.pem ${facts}`),
    )
    const serial = await serialOf(folder, 'renewed.pem')
    expect(serial).not.toBe(old)
    const admin = ['-H', `Authorization: Bearer ${service.adminKey}`]
    const shown = JSON.parse(await curlTls(folder, service, `/v1/certificates/${serial}`, admin))
    expect(shown).toMatchObject({ replaces: old, principal: `certificate:${old}` })
    expect(JSON.parse(await curlTls(folder, service, `/v1/certificates/${old}`, admin)).replacedBy).toBe(
      serial,
    )
    // The renewed one is an identity in its own right.
    await command(folder, 'cp same.key renewed.key')
    await curlTls(
      folder,
      service,
      `/v1/certificates/${serial}/renew`,
      [...identity('renewed'), '-X', 'POST'],
      201,
    )
  })

  test('with a CSR: a new key, the old names', async () => {
    const old = await enrolled('first')
    await openSslRequest(folder, 'second', 'DNS:node.example.test,IP:192.0.2.9', {
      key: 'P-384',
      subject: '/CN=node.example.test',
    })
    const pkcs10 = ['-H', 'Content-Type: application/pkcs10', '--data-binary', '@second.csr']
    const chain = ['-H', 'Accept: application/pem-certificate-chain', '-o', 'second.pem']
    await curlTls(
      folder,
      service,
      `/v1/certificates/${old}/renew`,
      [...identity('first'), ...pkcs10, ...chain],
      201,
    )
    expect(await command(folder, 'openssl x509 -in second.pem -noout -pubkey')).toBe(
      await command(folder, 'openssl pkey -in second.key -pubout'),
    )
    await openSslRequest(folder, 'greedy', 'DNS:node.example.test,DNS:more.example.test')
    const greedy = ['-H', 'Content-Type: application/pkcs10', '--data-binary', '@greedy.csr']
    await curlTls(folder, service, `/v1/certificates/${old}/renew`, [...identity('first'), ...greedy], 403)
  })

  test('a certificate may neither renew nor revoke another, nor enrol', async () => {
    const [mine, theirs] = [await enrolled('mine'), await enrolled('theirs')]
    for (const action of ['renew', 'revoke']) {
      await curlTls(
        folder,
        service,
        `/v1/certificates/${theirs}/${action}`,
        [...identity('mine'), ...AS_JSON, '-d', '{}'],
        403,
      )
    }
    const pkcs10 = ['-H', 'Content-Type: application/pkcs10', '--data-binary', '@mine.csr']
    await curlTls(folder, service, '/v1/certificates', [...identity('mine'), ...pkcs10], 403)
    await curlTls(folder, service, '/v1/certificates', identity('mine'), 403)
    await curlTls(folder, service, `/v1/certificates/${mine}`, identity('mine'))
  })

  test('one that its holder revoked cannot renew any more', async () => {
    const serial = await enrolled('lost')
    const body = [...AS_JSON, '-d', '{"reason":"keyCompromise"}']
    const answer = await curlTls(folder, service, `/v1/certificates/${serial}/revoke`, [
      ...identity('lost'),
      ...body,
    ])
    expect(JSON.parse(answer)).toMatchObject({
      serialNumber: serial,
      changed: true,
      revocation: { reason: 'keyCompromise' },
    })
    const refused = await curlTls(
      folder,
      service,
      `/v1/certificates/${serial}/renew`,
      [...identity('lost'), '-X', 'POST'],
      403,
    )
    expect(JSON.parse(refused).type).toMatch(/:certificateRevoked$/)
  })

  test('a certificate of another CA with the serial number of ours is nobody', async () => {
    const serial = await enrolled('victim')
    await command(
      folder,
      `openssl req -x509 -key victim.key -subj /CN=forged -set_serial 0x${serial} -days 1 -out forged.pem`,
    )
    const forged = ['--cert', 'forged.pem', '--key', 'victim.key', '-X', 'POST']
    await curlTls(folder, service, `/v1/certificates/${serial}/renew`, forged, 401)
  })

  test('an expired one cannot renew', async () => {
    const serial = await enrolled('brief', '?validity=1s')
    const until = async () => {
      const answer = await curlTls(folder, service, `/v1/certificates/${serial}`, [
        '-H',
        `Authorization: Bearer ${service.adminKey}`,
      ])
      return JSON.parse(answer).state
    }
    await expect.poll(until, { timeout: 20_000, interval: 200 }).toBe('expired')
    const refused = await curlTls(
      folder,
      service,
      `/v1/certificates/${serial}/renew`,
      [...identity('brief'), '-X', 'POST'],
      403,
    )
    expect(JSON.parse(refused).type).toMatch(/:certificateExpired$/)
  })
})
