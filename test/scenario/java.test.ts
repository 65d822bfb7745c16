import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enrolWithCurl, openSslRequest, relyingParty, serialOf } from './enrolment.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { command, missing } from './tools.ts'

describe.skipIf(missing('openssl', 'curl', 'keytool'))("Java's keytool", () => {
  let service: ServiceProcess
  let folder: string
  beforeAll(async () => {
    service = await startService()
    folder = await relyingParty(service)
  })
  afterAll(() => service?.stop())

  test('lists the root in the truststore as a trusted certificate', async () => {
    await command(folder, `curl -sSf -o roots.p12 ${service.httpUrl}/bundles/roots.p12`)
    const listed = await command(
      folder,
      'keytool -list -keystore roots.p12 -storetype PKCS12 -storepass changeit',
    )
    expect(listed).toContain('Your keystore contains 1 entry')
    expect(listed).toContain('trustedCertEntry')
    const fingerprint = (await command(folder, 'openssl x509 -in root.pem -noout -fingerprint -sha256'))
      .trim()
      .split('=')[1]
    expect(listed).toContain(fingerprint)
  })

  test('prints the certificate with its names and addresses', async () => {
    await openSslRequest(folder, 'web', 'DNS:web.example.test,IP:192.0.2.1', { key: 'P-384' })
    await enrolWithCurl(folder, service, 'web')
    const printed = await command(folder, 'keytool -printcert -file web.pem')
    expect(printed).toContain('DNSName: web.example.test')
    expect(printed).toContain('IPAddress: 192.0.2.1')
    expect(printed).toContain(`URIName: ${service.httpUrl}/ocsp`)
    expect(printed).toContain(`URIName: ${service.httpUrl}/crl/intermediate.crl`)
    // The chain came with it.
    expect(printed).toContain('Certificate[2]')
    expect(printed).not.toContain('Warning')
  })

  test('reads the CRL and the entry in it, and verifies it with the issuer in a truststore', async () => {
    await openSslRequest(folder, 'gone', 'DNS:gone.example.test')
    await enrolWithCurl(folder, service, 'gone')
    const serial = await serialOf(folder, 'gone.pem')
    const outcome = await service.cli('cert', 'revoke', serial, '--reason', 'cessationOfOperation')
    expect(outcome.status, outcome.stderr).toBe(0)
    await command(folder, `curl -sSf -o issuing.crl ${service.httpUrl}/crl/intermediate.crl`)
    await command(folder, `curl -sSf -o chain.p12 ${service.httpUrl}/bundles/chain.p12`)
    const printed = await command(
      folder,
      'keytool -printcrl -file issuing.crl -keystore chain.p12 -storepass changeit',
    )
    expect(printed.toLowerCase().replace(/[\s:]/g, '')).toContain(serial)
    expect(printed).toMatch(/cessation[_ ]of[_ ]operation/i)
    expect(printed).toMatch(/^Verified by /m)
  })
})
