import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  enrolWithCurl,
  fetchCrls,
  openSslRequest,
  relyingParty,
  STRICT_VERIFY,
  serialOf,
} from './enrolment.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { command, missing, run, tool } from './tools.ts'

describe.skipIf(missing('openssl', 'curl'))('OCSP and CRL as openssl reads them', () => {
  let service: ServiceProcess
  let folder: string
  let revoked: string
  beforeAll(async () => {
    service = await startService()
    folder = await relyingParty(service)
    for (const name of ['good', 'revoked']) {
      await openSslRequest(folder, name, `DNS:${name}.example.test`)
      await enrolWithCurl(folder, service, name)
    }
    revoked = await serialOf(folder, 'revoked.pem')
    const outcome = await service.cli('cert', 'revoke', revoked, '--reason', 'keyCompromise')
    expect(outcome.status, outcome.stderr).toBe(0)
    await fetchCrls(folder, service)
  })
  afterAll(() => service?.stop())

  const ask = (hash: string, certificate: string, ...more: string[]) =>
    tool(
      folder,
      'openssl',
      ...[
        'ocsp',
        '-issuer',
        'chain.pem',
        `-${hash}`,
        '-cert',
        certificate,
        '-CAfile',
        'root.pem',
        '-verify_other',
        'chain.pem',
      ],
      ...more,
    )

  describe.each(['sha1', 'sha256', 'sha384', 'sha512'])('with a CertID of %s', (hash) => {
    test('POST by openssl itself: good and revoked, verified, with a nonce and without', async () => {
      const url = ['-url', `${service.httpUrl}/ocsp`]
      for (const nonce of ['-nonce', '-no_nonce']) {
        const good = await ask(hash, 'good.pem', ...url, nonce)
        expect(good).toContain('Response verify OK')
        expect(good).toMatch(/good\.pem: good\n\s*This Update: .*\n\s*Next Update: /)
        expect(good).not.toContain('WARNING')
        const bad = await ask(hash, 'revoked.pem', ...url, nonce)
        expect(bad).toContain('Response verify OK')
        expect(bad).toMatch(/revoked\.pem: revoked\n[\s\S]*Reason: keyCompromise/)
      }
    })

    test('GET with the request in the path, percent-encoded or not', async () => {
      await ask(hash, 'good.pem', '-no_nonce', '-reqout', 'request.der')
      const base64 = readFileSync(join(folder, 'request.der')).toString('base64')
      for (const path of [encodeURIComponent(base64), base64, `/${base64}`]) {
        const fetched = await tool(
          folder,
          'curl',
          ...[
            '-sSf',
            '--path-as-is',
            '-o',
            'response.der',
            '-w',
            '%{http_code} %{content_type}',
            `${service.httpUrl}/ocsp/${path}`,
          ],
        )
        expect(fetched).toBe('200 application/ocsp-response')
        const read = await ask(hash, 'good.pem', '-no_nonce', '-respin', 'response.der')
        expect(read).toContain('Response verify OK')
        expect(read).toContain('good.pem: good')
      }
    })
  })

  test('a cached response has an ETag, and 304 for those who know it', async () => {
    await ask('sha1', 'good.pem', '-no_nonce', '-reqout', 'request.der')
    const base64 = encodeURIComponent(readFileSync(join(folder, 'request.der')).toString('base64'))
    const url = `${service.httpUrl}/ocsp/${base64}`
    await command(folder, `curl -sSf --etag-save etag -D headers -o response.der ${url}`)
    expect(readFileSync(join(folder, 'headers'), 'latin1')).toMatch(/^cache-control: max-age=\d+, public/im)
    expect(await command(folder, `curl -sSf --etag-compare etag -o again -w %{http_code} ${url}`)).toBe('304')
  })

  test('a serial number that was never issued, or another issuer, is unauthorized; junk is malformed', async () => {
    const url = ['-url', `${service.httpUrl}/ocsp`]
    const unknown = [
      'ocsp',
      '-issuer',
      'chain.pem',
      '-serial',
      '0x0123456789abcdef',
      '-CAfile',
      'root.pem',
      ...url,
    ]
    expect(await outcomeOf(unknown)).toContain('Responder Error: unauthorized (6)')
    await command(
      folder,
      'openssl req -x509 -newkey rsa:2048 -nodes -keyout x.key -subj /CN=other -out other.pem',
    )
    const foreign = ['ocsp', '-issuer', 'other.pem', '-cert', 'good.pem', '-CAfile', 'root.pem', ...url]
    expect(await outcomeOf(foreign)).toContain('Responder Error: unauthorized (6)')
    await command(folder, `curl -sSf -o junk.der ${service.httpUrl}/ocsp/AAAA`)
    const junk = ['ocsp', '-respin', 'junk.der', '-issuer', 'chain.pem', '-cert', 'good.pem']
    expect(await outcomeOf(junk)).toContain('Responder Error: malformedrequest (1)')
  })

  async function outcomeOf(args: string[]): Promise<string> {
    const { stdout, stderr } = await run('openssl', args, { cwd: folder })
    return stdout + stderr
  }

  test('the CRL verifies, names the revoked one with its reason, and makes openssl refuse it', async () => {
    await command(folder, `curl -sSf -o issuing.crl ${service.httpUrl}/crl/intermediate.crl`)
    const text = await command(
      folder,
      'openssl crl -inform DER -in issuing.crl -CAfile chain.pem -noout -text -nameopt RFC2253',
    )
    expect(text).toContain('verify OK')
    expect(text).toContain('Version 2 (0x1)')
    expect(text).toMatch(/X509v3 CRL Number: *\n\s+\d+/)
    expect(text).toContain('X509v3 Authority Key Identifier')
    expect(text.match(/Serial Number: [0-9A-F]+/g)).toEqual([`Serial Number: ${revoked.toUpperCase()}`])
    expect(text).toMatch(/X509v3 CRL Reason Code: *\n\s+Key Compromise/)
    const pem = await command(folder, `curl -sSf ${service.httpUrl}/crl/intermediate.pem`)
    expect(pem.trim()).toBe((await command(folder, 'openssl crl -inform DER -in issuing.crl')).trim())
    const root = await command(folder, `curl -sSf ${service.httpUrl}/crl/root.pem -o root.crl`)
    expect(root).toBe('')
    expect(await command(folder, 'openssl crl -in root.crl -CAfile root.pem -noout')).toContain('verify OK')

    expect(await command(folder, `${STRICT_VERIFY} good.pem`)).toBe('good.pem: OK\n')
    const [program, ...args] = `${STRICT_VERIFY} revoked.pem`.split(' ')
    const refused = await run(program!, args, { cwd: folder })
    expect(refused.status).not.toBe(0)
    expect(refused.stderr).toContain('certificate revoked')
  })
})
