import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enrolWithCurl, fetchCrls, openSslRequest, relyingParty, serialOf } from './enrolment.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { command, missing, run } from './tools.ts'

describe.skipIf(missing('openssl', 'curl', 'certtool', 'ocsptool'))('GnuTLS', () => {
  let service: ServiceProcess
  let folder: string
  let revoked: string
  beforeAll(async () => {
    service = await startService()
    folder = await relyingParty(service)
    for (const name of ['good', 'revoked']) {
      await openSslRequest(folder, name, `DNS:${name}.example.test`)
      await enrolWithCurl(folder, service, name)
      const parts = ['root.pem', `${name}.pem`].map((file) => readFileSync(join(folder, file), 'utf8'))
      writeFileSync(join(folder, `${name}-whole.pem`), `${parts[1]}${parts[0]}`)
    }
    revoked = await serialOf(folder, 'revoked.pem')
    const outcome = await service.cli('cert', 'revoke', revoked, '--reason', 'superseded')
    expect(outcome.status, outcome.stderr).toBe(0)
    await fetchCrls(folder, service)
  })
  afterAll(() => service?.stop())

  test('certtool verifies the chain, with a name and a purpose', async () => {
    expect(await command(folder, 'certtool --verify-chain --infile good-whole.pem')).toContain(
      'Chain verification output: Verified.',
    )
    const full =
      'certtool --verify --load-ca-certificate root.pem --infile good.pem --verify-purpose 1.3.6.1.5.5.7.3.1'
    expect(await command(folder, `${full} --verify-hostname good.example.test`)).toContain('Verified.')
    const [program, ...args] = `${full} --verify-hostname bad.example.test`.split(' ')
    expect((await run(program!, args, { cwd: folder })).status).not.toBe(0)
  })

  test('certtool reads and verifies the CRL', async () => {
    const info = await command(folder, `certtool --crl-info --infile crls.pem`)
    expect(info).toContain('Version: 2')
    await command(folder, `curl -sSf -o issuing.pem ${service.httpUrl}/crl/intermediate.pem`)
    const issuing = await command(folder, 'certtool --crl-info --infile issuing.pem')
    expect(issuing).toContain(`Serial Number (hex): ${revoked}`)
    expect(issuing).toContain('Revoked certificates (1)')
    expect(issuing).toContain('CRL Number')
    const verified = await command(
      folder,
      'certtool --verify-crl --load-ca-certificate chain.pem --infile issuing.pem',
    )
    expect(verified).toMatch(/Verification output: Verified/)
  })

  test.each([
    ['good', /Certificate Status: good/],
    ['revoked', /Certificate Status: revoked[\s\S]*Revocation time: /],
  ])('ocsptool asks about the %s one and verifies the response', async (name, status) => {
    const ask = `ocsptool --ask=${service.httpUrl}/ocsp --load-cert ${name}.pem --load-issuer chain.pem --load-signer chain.pem`
    const [program, ...args] = `${ask} --outfile ${name}.ocsp`.split(' ')
    // Its exit status says more than whether the response is sound: a revoked certificate is a failure too.
    const asked = await run(program!, args, { cwd: folder })
    expect(asked.stdout + asked.stderr).toMatch(status)
    expect(asked.stdout + asked.stderr).toMatch(/Verifying OCSP Response: Success/)

    const verified = await command(
      folder,
      `ocsptool --verify-response --load-response ${name}.ocsp --load-signer chain.pem`,
    )
    expect(verified).toContain('Verifying OCSP Response: Success')
    const info = await command(folder, `ocsptool --response-info --load-response ${name}.ocsp`)
    expect(info).toMatch(status)
    expect(info).toMatch(/Next Update: /)
  })

  test('ocsptool refuses the response where another signer is trusted', async () => {
    await command(
      folder,
      'openssl req -x509 -newkey rsa:2048 -nodes -keyout x.key -subj /CN=other -out other.pem',
    )
    await run(
      'ocsptool',
      [
        `--ask=${service.httpUrl}/ocsp`,
        '--load-cert',
        'good.pem',
        '--load-issuer',
        'chain.pem',
        '--outfile',
        'any.ocsp',
      ],
      { cwd: folder },
    )
    const verify = ['--verify-response', '--load-response', 'any.ocsp', '--load-signer', 'other.pem']
    const { stdout, stderr } = await run('ocsptool', verify, { cwd: folder })
    expect(stdout + stderr).not.toContain('Verifying OCSP Response: Success')
  })
})
