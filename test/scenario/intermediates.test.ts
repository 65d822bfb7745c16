import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { curlTls, enrolWithCurl, fetchCrls, openSslRequest, relyingParty, serialOf } from './enrolment.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { command, missing, run } from './tools.ts'

describe.skipIf(missing('openssl', 'curl'))('two intermediates in one service', () => {
  let service: ServiceProcess
  let folder: string
  beforeAll(async () => {
    service = await startService()
    const { directory } = service
    const chain = join(directory, 'edge.pem')
    await must('authority', 'add', 'edge', '--key-type', 'P-384', '--subject', 'CN=Example Edge CA')
    await must('authority', 'csr', 'edge', '--out', join(directory, 'edge.csr'))
    const root = [
      '--root-folder',
      join(directory, 'root-offline'),
      '--root-passphrase-file',
      join(directory, 'root-passphrase'),
    ]
    await must(
      'authority',
      'sign',
      join(directory, 'edge.csr'),
      ...root,
      '--public-url',
      service.httpUrl,
      '--out',
      chain,
    )

    // Known, but not yet able to issue.
    folder = await relyingParty(service)
    await openSslRequest(folder, 'early', 'DNS:early.example.test')
    const args = ['-H', `Authorization: Bearer ${service.adminKey}`, '-H', 'Content-Type: application/pkcs10']
    await curlTls(
      folder,
      service,
      '/v1/certificates?authority=edge',
      [...args, '--data-binary', '@early.csr'],
      404,
    )

    await must('authority', 'install', chain, '--authority', 'edge')
    folder = await relyingParty(service, ['intermediate', 'edge'])
    for (const id of ['intermediate', 'edge']) {
      await command(folder, `curl -sSf ${service.httpUrl}/ca/${id}.pem -o ${id}.pem`)
      await openSslRequest(folder, `by-${id}`, `DNS:${id}.example.test`)
      await enrolWithCurl(folder, service, `by-${id}`, id === 'edge' ? '?authority=edge' : '')
    }
  })
  afterAll(() => service?.stop())

  async function must(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await service.cli(...args)
    expect(status, stderr).toBe(0)
    return stdout
  }

  const verify = 'openssl verify -x509_strict -crl_check_all -CAfile root.pem -CRLfile crls.pem'

  test('each issues below itself, the default where nobody is named', async () => {
    for (const id of ['intermediate', 'edge']) {
      expect(await command(folder, `${verify} -untrusted ${id}.pem by-${id}.pem`)).toBe(`by-${id}.pem: OK\n`)
      const text = await command(
        folder,
        `openssl x509 -in by-${id}.pem -noout -ext crlDistributionPoints,authorityInfoAccess`,
      )
      expect(text).toContain(`${service.httpUrl}/crl/${id}.crl`)
      expect(text).toContain(`${service.httpUrl}/ca/${id}.crt`)
    }
    const wrong = await run(...split(`${verify} -untrusted edge.pem by-intermediate.pem`), { cwd: folder })
    expect(wrong.status).not.toBe(0)
    expect(JSON.parse(await must('authority', 'list', '--json')).authorities).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: 'intermediate', isDefault: true }),
        expect.objectContaining({ id: 'edge', isDefault: false, state: 'active' }),
        expect.objectContaining({ id: 'root', role: 'root' }),
      ]),
    )
  })

  test('a revocation is in the CRL and OCSP of its issuer alone, also after a restart', async () => {
    await must('cert', 'revoke', await serialOf(folder, 'by-edge.pem'))
    const { directory } = service
    await service.stop()
    service = await startService({ directory })
    await fetchCrls(folder, service, ['intermediate', 'edge'])
    const refused = await run(...split(`${verify} -untrusted edge.pem by-edge.pem`), { cwd: folder })
    expect(refused.stderr).toContain('certificate revoked')
    expect(await command(folder, `${verify} -untrusted intermediate.pem by-intermediate.pem`)).toBe(
      'by-intermediate.pem: OK\n',
    )

    for (const [id, status] of [
      ['edge', 'revoked'],
      ['intermediate', 'good'],
    ]) {
      const line = `openssl ocsp -issuer ${id}.pem -cert by-${id}.pem -CAfile root.pem -verify_other ${id}.pem -url ${service.httpUrl}/ocsp`
      const answer = await command(folder, line)
      expect(answer).toContain('Response verify OK')
      expect(answer).toContain(`by-${id}.pem: ${status}`)
    }
    // Asked with the wrong issuer, nothing is known of the certificate.
    const mixed = `openssl ocsp -issuer intermediate.pem -cert by-edge.pem -CAfile root.pem -url ${service.httpUrl}/ocsp`
    expect((await run(...split(mixed), { cwd: folder })).stdout).toContain('unauthorized')
  })

  test('the bundle of the chain has both, the roots one', async () => {
    await command(folder, `curl -sSf ${service.httpUrl}/bundles/chain.pem -o both.pem`)
    await command(folder, `curl -sSf ${service.httpUrl}/bundles/roots.pem -o roots.pem`)
    const count = (file: string) =>
      readFileSync(join(folder, file), 'utf8').match(/BEGIN CERTIFICATE/g)?.length
    expect([count('both.pem'), count('roots.pem')]).toEqual([2, 1])
  })
})

function split(line: string): [string, string[]] {
  const [program, ...args] = line.split(' ')
  return [program!, args]
}
