import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { curlTls, enrolWithCurl, NEW_KEY, openSslRequest, relyingParty, STRICT_VERIFY } from './enrolment.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { command, missing } from './tools.ts'

const WEAK = ['RSA-1024', 'P-224', 'secp256k1'] as const
const GOOD = (Object.keys(NEW_KEY) as (keyof typeof NEW_KEY)[]).filter(
  (key) => !(WEAK as readonly string[]).includes(key),
)

describe.skipIf(missing('openssl', 'curl'))('a CSR by openssl, enrolled by curl', () => {
  let service: ServiceProcess
  let folder: string
  beforeAll(async () => {
    service = await startService()
    folder = await relyingParty(service)
  })
  afterAll(() => service?.stop())

  test.each(GOOD)(
    '%s: openssl verifies the certificate strictly, its whole chain and its CRLs',
    async (key) => {
      const host = `${key.toLowerCase()}.example.test`
      await openSslRequest(folder, key, `DNS:${host},IP:192.0.2.7,IP:2001:db8::7`, {
        key,
        subject: `/CN=${host}`,
      })
      await enrolWithCurl(folder, service, key)
      const verified = await command(
        folder,
        `${STRICT_VERIFY} -purpose sslserver -verify_hostname ${host} ${key}.pem`,
      )
      expect(verified).toBe(`${key}.pem: OK\n`)
      await command(folder, `${STRICT_VERIFY} -verify_ip 2001:db8::7 ${key}.pem`)
      const text = await command(
        folder,
        `openssl x509 -in ${key}.pem -noout -subject -ext subjectAltName,keyUsage,extendedKeyUsage`,
      )
      expect(text).toContain(`subject=CN = ${host}`)
      expect(text).toContain(`DNS:${host}, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7`)
      expect(text).toContain('TLS Web Server Authentication')
      expect(await command(folder, `openssl x509 -in ${key}.pem -noout -pubkey`)).toBe(
        await command(folder, `openssl pkey -in ${key}.key -pubout`),
      )
    },
  )

  test.each(WEAK)('%s is refused, with a word on which keys are taken', async (key) => {
    await openSslRequest(folder, key, 'DNS:weak.example.test', { key })
    const args = ['-H', `Authorization: Bearer ${service.adminKey}`, '-H', 'Content-Type: application/pkcs10']
    const status = key === 'secp256k1' ? 403 : 400
    const answer = await curlTls(
      folder,
      service,
      '/v1/certificates',
      [...args, '--data-binary', `@${key}.csr`],
      status,
    )
    const { type, detail } = JSON.parse(answer)
    expect(type).toMatch(/:(weakKey|keyNotAllowed)$/)
    expect(detail).toMatch(/2048|P-256/)
  })

  test('a CSR that was changed after it was signed is refused', async () => {
    await openSslRequest(folder, 'good', 'DNS:good.example.test')
    await command(folder, 'openssl req -in good.csr -outform DER -out good.der')
    const der = readFileSync(`${folder}/good.der`)
    der.write('evil', der.indexOf('good.example'))
    writeFileSync(`${folder}/evil.der`, der)
    const args = ['-H', `Authorization: Bearer ${service.adminKey}`, '-H', 'Content-Type: application/pkcs10']
    const answer = await curlTls(
      folder,
      service,
      '/v1/certificates',
      [...args, '--data-binary', '@evil.der'],
      400,
    )
    expect(JSON.parse(answer).type).toBe('urn:chancery:problem:badCsrSignature')
  })
})
