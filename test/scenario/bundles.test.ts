import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { relyingParty } from './enrolment.ts'
import { cli, type ServiceProcess, startService } from './harness.ts'
import { command, missing, tool } from './tools.ts'

describe.skipIf(missing('openssl', 'curl'))('trust bundles', () => {
  let service: ServiceProcess
  let folder: string
  let fingerprint: string
  beforeAll(async () => {
    service = await startService()
    folder = await relyingParty(service)
    fingerprint = (await command(folder, 'openssl x509 -in root.pem -noout -fingerprint -sha256'))
      .trim()
      .split('=')[1]!
  })
  afterAll(() => service?.stop())

  const fetch = (file: string, ...args: string[]) =>
    tool(folder, 'curl', '-sSf', ...args, `${service.httpUrl}/bundles/${file}`)

  test.each([
    'roots.pem',
    'roots.der',
    'roots.p7b',
    'roots.p12',
    'roots.json',
    'roots.jwks',
    'chain.pem',
    'intermediate.p7b',
  ])('%s has an ETag, and 304 for those who know it', async (file) => {
    await fetch(file, '--etag-save', 'etag', '-o', 'once')
    expect(readFileSync(join(folder, 'etag'), 'utf8').trim()).toMatch(/^"[^"]+"$/)
    const again = await fetch(
      file,
      '--etag-compare',
      'etag',
      '-o',
      'again',
      '-w',
      '%{http_code} %{size_download}',
    )
    expect(again).toBe('304 0')
    writeFileSync(join(folder, 'stale'), '"another"')
    expect(await fetch(file, '--etag-compare', 'stale', '-o', 'again', '-w', '%{http_code}')).toBe('200')
    expect(readFileSync(join(folder, 'again'))).toEqual(readFileSync(join(folder, 'once')))
  })

  test('roots.pem is the root alone and nothing but its block; the same over TLS', async () => {
    const pem = await fetch('roots.pem')
    expect(pem).toBe(readFileSync(service.rootFile, 'utf8'))
    expect(pem).toMatch(/^-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n$/)
    const overTls = [
      '--cacert',
      'root.pem',
      '--connect-to',
      '::127.0.0.1:',
      `${service.tlsUrl}/bundles/roots.pem`,
    ]
    expect(await tool(folder, 'curl', '-sSf', ...overTls)).toBe(pem)
  })

  test('DER, PKCS #7 and PKCS #12 are read by openssl and hold the same root', async () => {
    for (const file of ['roots.der', 'roots.p7b', 'roots.p12']) await fetch(file, '-o', file)
    const root = (await command(folder, 'openssl x509 -in root.pem')).trim()
    expect((await command(folder, 'openssl x509 -inform DER -in roots.der')).trim()).toBe(root)
    expect(await command(folder, 'openssl pkcs7 -inform DER -in roots.p7b -print_certs')).toContain(root)
    const store = await command(folder, 'openssl pkcs12 -in roots.p12 -passin pass:changeit -nokeys')
    expect(store).toContain(root)
  })

  test('JSON names the fingerprint and is a SPIFFE bundle', async () => {
    const json = JSON.parse(await fetch('roots.json'))
    expect(json.certificates[0].sha256).toBe(fingerprint.replaceAll(':', '').toLowerCase())
    expect(json.spiffe_sequence).toBeGreaterThan(0)
    const jwks = JSON.parse(await fetch('roots.jwks'))
    expect(jwks.keys).toEqual([expect.objectContaining({ use: 'x509-svid', x5c: [expect.any(String)] })])
    expect(jwks.keys[0]).not.toHaveProperty('kid')
  })

  test('bundle fetch writes the root of the right fingerprint, and nothing for a wrong one', async () => {
    const url = ['--url', service.httpUrl]
    const fetched = join(folder, 'pinned', 'root.pem')
    const right = await service.cli('bundle', 'fetch', ...url, '--fingerprint', fingerprint, '--out', fetched)
    expect(right.status, right.stderr).toBe(0)
    expect(readFileSync(fetched)).toEqual(readFileSync(service.rootFile))

    const none = join(folder, 'none.pem')
    const wrong = await service.cli(
      'bundle',
      'fetch',
      ...url,
      '--fingerprint',
      '00'.repeat(32),
      '--out',
      none,
    )
    expect(wrong.status).toBe(4)
    const malformed = await service.cli('bundle', 'fetch', ...url, '--fingerprint', 'abc', '--out', none)
    expect(malformed.status).toBe(2)
    expect(existsSync(none)).toBe(false)
    // Over TLS before anything is known: the fingerprint decides, not the handshake.
    const tls = await service.cli(
      'bundle',
      'fetch',
      '--url',
      service.tlsUrl,
      '--fingerprint',
      fingerprint,
      '--out',
      fetched,
    )
    expect(tls.status, tls.stderr).toBe(0)
  })

  test('bundle fetch refuses another root than the one asked for', async () => {
    const impostor = createServer((_request, response) =>
      response.end(readFileSync(join(folder, 'chain.pem'))),
    )
    await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = impostor.address() as { port: number }
      const out = join(folder, 'impostor.pem')
      const { status, stderr } = await cli([
        'bundle',
        'fetch',
        '--url',
        `http://127.0.0.1:${port}`,
        '--fingerprint',
        fingerprint,
        '--out',
        out,
      ])
      expect(status).toBe(1)
      expect(stderr).toContain('another fingerprint')
      expect(existsSync(out)).toBe(false)
    } finally {
      impostor.close()
    }
  })
})
