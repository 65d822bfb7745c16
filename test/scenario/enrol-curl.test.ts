import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { curlTls, openSslRequest, relyingParty, STRICT_VERIFY } from './enrolment.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { command, missing } from './tools.ts'

const PEM = ['-H', 'Content-Type: application/x-pem-file', '--data-binary', '@web.csr']
const DER = ['-H', 'Content-Type: application/pkcs10', '--data-binary', '@web.der']
const JSON_BODY = ['-H', 'Content-Type: application/json', '--data-binary', '@web.json']
const CHAIN = ['-H', 'Accept: application/pem-certificate-chain']

describe.skipIf(missing('openssl', 'curl'))('enrolment by curl with a one-time token', () => {
  let service: ServiceProcess
  let folder: string
  beforeAll(async () => {
    service = await startService()
    folder = await relyingParty(service)
    await openSslRequest(folder, 'web', 'DNS:web.example.test')
    await openSslRequest(folder, 'other', 'DNS:web.example.test')
    await command(folder, 'openssl req -in web.csr -outform DER -out web.der')
    const csr = readFileSync(join(folder, 'web.csr'), 'utf8')
    writeFileSync(join(folder, 'web.json'), JSON.stringify({ csr, profile: 'server', validity: '24h' }))
  })
  afterAll(() => service?.stop())

  async function token(): Promise<string> {
    const args = [
      'token',
      'create',
      '--profile',
      'server',
      '--dns',
      'web.example.test',
      '--ttl',
      '1h',
      '--json',
    ]
    const { status, stdout, stderr } = await service.cli(...args)
    expect(status, stderr).toBe(0)
    const answer = JSON.parse(stdout)
    expect(Object.keys(answer)).toEqual(expect.arrayContaining(['token', 'expiresAt']))
    return answer.token
  }

  async function enrol(secret: string, args: readonly string[], status = 201): Promise<string> {
    return curlTls(
      folder,
      service,
      '/v1/certificates',
      ['-H', `Authorization: Bearer ${secret}`, ...args],
      status,
    )
  }

  test.each([
    ['PEM', PEM],
    ['DER', DER],
    ['JSON', JSON_BODY],
  ])('a CSR as %s becomes a certificate that verifies', async (_form, body) => {
    const answer = JSON.parse(await enrol(await token(), [...body, '--dump-header', 'headers.txt']))
    const headers = readFileSync(join(folder, 'headers.txt'), 'latin1').toLowerCase()
    expect(headers).toContain(`location: /v1/certificates/${answer.serialNumber}\r\n`)
    expect(headers).toContain('content-type: application/json')
    expect(answer).toMatchObject({
      profile: 'server',
      authority: 'intermediate',
      principal: expect.stringMatching(/^token:\d+$/),
    })
    expect(answer.chain).toHaveLength(1)
    writeFileSync(join(folder, 'leaf.pem'), answer.certificate)
    writeFileSync(join(folder, 'chain.pem'), answer.chain.join(''))
    expect(await command(folder, `${STRICT_VERIFY} -verify_hostname web.example.test leaf.pem`)).toBe(
      'leaf.pem: OK\n',
    )
  })

  test('as a PEM chain where that is asked for: leaf, then intermediate, no root', async () => {
    const chain = await enrol(await token(), [...PEM, ...CHAIN])
    expect(chain.match(/^-----BEGIN CERTIFICATE-----$/gm)).toHaveLength(2)
    expect(chain.replace(/^(-----(BEGIN|END) CERTIFICATE-----|[A-Za-z0-9+/=]{1,64})\n/gm, '')).toBe('')
    writeFileSync(join(folder, 'served.pem'), chain)
    const verified = await command(
      folder,
      'openssl verify -x509_strict -CAfile root.pem -untrusted served.pem served.pem',
    )
    expect(verified).toBe('served.pem: OK\n')
  })

  test('a token works once, and only for its names', async () => {
    const secret = await token()
    await openSslRequest(folder, 'foreign', 'DNS:foreign.example.test')
    const foreign = ['-H', 'Content-Type: application/pkcs10', '--data-binary', '@foreign.csr']
    expect(JSON.parse(await enrol(secret, foreign, 403)).type).toMatch(/:nameNotAllowed$/)
    // The refusal has not spent it.
    await enrol(secret, PEM)
    expect(JSON.parse(await enrol(secret, PEM, 403)).type).toMatch(/:tokenSpent$/)
    expect(JSON.parse(await enrol(`${secret.slice(0, -4)}AAAA`, PEM, 401)).type).toMatch(/:unauthenticated$/)
  })

  test('an Idempotency-Key gives the same certificate again, 422 for another CSR, also after a restart', async () => {
    const secret = await token()
    const key = ['-H', 'Idempotency-Key: deploy-42']
    const first = await enrol(secret, [...PEM, ...CHAIN, ...key])
    expect(await enrol(secret, [...PEM, ...CHAIN, ...key])).toBe(first)
    const other = ['-H', 'Content-Type: application/x-pem-file', '--data-binary', '@other.csr']
    expect(JSON.parse(await enrol(secret, [...other, ...key], 422)).type).toMatch(/:idempotencyConflict$/)
    const { directory } = service
    await service.stop()
    service = await startService({ directory })
    expect(await enrol(secret, [...PEM, ...CHAIN, ...key])).toBe(first)
    await enrol(secret, [...other, ...key], 422)
  })

  test('twenty at once with one token and one key are one certificate', async () => {
    const secret = await token()
    const same = ['-H', 'Idempotency-Key: rush', ...PEM, ...CHAIN]
    const answers = await Promise.all(Array.from({ length: 20 }, () => enrol(secret, same)))
    expect(new Set(answers).size).toBe(1)
  })

  test('what is no CSR is refused before it costs the token', async () => {
    const secret = await token()
    const send = async (type: string, data: string, status: number) =>
      JSON.parse(await enrol(secret, ['-H', `Content-Type: ${type}`, '--data-binary', data], status)).type
    expect(await send('application/pkcs10', '@root.pem', 400)).toMatch(/:malformedCsr$/)
    expect(await send('application/pkcs10', 'garbage', 400)).toMatch(/:malformed(Csr|Pem)$/)
    expect(await send('image/png', '@web.csr', 415)).toMatch(/:unsupportedMediaType$/)
    writeFileSync(
      join(folder, 'huge.der'),
      Buffer.concat([Buffer.of(0x30, 0x83, 2, 0, 0), Buffer.alloc(0x20000)]),
    )
    expect(await send('application/pkcs10', '@huge.der', 413)).toMatch(/:bodyTooLarge$/)
    writeFileSync(join(folder, 'two.pem'), readFileSync(join(folder, 'web.csr'), 'utf8').repeat(2))
    expect(await send('application/x-pem-file', '@two.pem', 400)).toMatch(/:malformedCsr$/)
    await enrol(secret, PEM)
  })
})
