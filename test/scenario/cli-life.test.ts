import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchCrls, relyingParty, STRICT_VERIFY } from './enrolment.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { command, missing, run } from './tools.ts'

describe.skipIf(missing('openssl', 'curl'))('the life of a certificate, by the command line', () => {
  let service: ServiceProcess
  let folder: string
  let out: string
  beforeAll(async () => {
    service = await startService()
    folder = await relyingParty(service)
    out = join(folder, 'web')
  })
  afterAll(() => service?.stop())

  /** A command that must succeed: its JSON. */
  async function json(...args: string[]) {
    const { status, stdout, stderr } = await service.cli(...args, '--json')
    expect(status, `${args.join(' ')}: ${stderr}`).toBe(0)
    expect(stderr).toBe('')
    return JSON.parse(stdout)
  }

  /** What OCSP says: "good" or "revoked", with the reason if there is one. */
  async function ocspStatus(certificate: string): Promise<string> {
    const line = `openssl ocsp -issuer chain.pem -cert ${certificate} -CAfile root.pem -verify_other chain.pem -url ${service.httpUrl}/ocsp`
    const answer = await command(folder, line)
    expect(answer).toContain('Response verify OK')
    const [, status] = /\.pem: (\w+)/.exec(answer)!
    const reason = /Reason: (\w+)/.exec(answer)?.[1]
    return reason ? `${status} ${reason}` : status!
  }

  async function crlVerdict(certificate: string): Promise<string> {
    await fetchCrls(folder, service)
    const [program, ...args] = `${STRICT_VERIFY} ${certificate}`.split(' ')
    const { stdout, stderr } = await run(program!, args, { cwd: folder })
    return /error \d+ at 0 depth lookup: (.*)/.exec(stdout + stderr)?.[1] ?? stdout.trim()
  }

  test('token, request, show, list, renew, revoke', async () => {
    const { token, expiresAt } = await json(
      'token',
      'create',
      '--profile',
      'server',
      '--dns',
      'web.example.test',
      '--ip',
      '192.0.2.5',
      '--ttl',
      '10m',
    )
    expect(Date.parse(expiresAt)).toBeGreaterThan(0)
    const issued = await json(
      'cert',
      'request',
      '--token',
      token,
      '--name',
      'web.example.test',
      '--name',
      '192.0.2.5',
      '--out',
      out,
    )
    expect(issued).toMatchObject({
      profile: 'server',
      names: { dns: ['web.example.test'], ip: ['192.0.2.5'] },
    })
    expect(statSync(join(out, 'key.pem')).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(out, 'root.pem'))).toEqual(readFileSync(service.rootFile))
    expect(await crlVerdict('web/cert.pem')).toBe('web/cert.pem: OK')
    expect(await ocspStatus('web/cert.pem')).toBe('good')

    const first = issued.serialNumber
    expect(await json('cert', 'show', first)).toMatchObject({
      serialNumber: first,
      state: 'valid',
      principal: expect.stringMatching(/^token:/),
    })
    const colons = first.toUpperCase().match(/../g).join(':')
    expect(await json('cert', 'show', colons)).toMatchObject({ serialNumber: first })
    const listed = await json('cert', 'list', '--name', 'web.example.test', '--state', 'valid')
    expect(listed.certificates.map((one: { serialNumber: string }) => one.serialNumber)).toEqual([first])
    expect((await json('token', 'list')).tokens[0]).toMatchObject({ state: 'spent', spentOn: first })

    const oldKey = readFileSync(join(out, 'key.pem'), 'utf8')
    await command(folder, 'cp web/cert.pem old.pem')
    const renewed = await json('cert', 'renew', '--out', out)
    expect(renewed.replaces).toBe(first)
    expect(readFileSync(join(out, 'key.pem'), 'utf8')).toBe(oldKey)
    const rekeyed = await json('cert', 'renew', '--out', out, '--rekey', '--key-type', 'P-384')
    expect(rekeyed.replaces).toBe(renewed.serialNumber)
    expect(readFileSync(join(out, 'key.pem'), 'utf8')).not.toBe(oldKey)
    expect(await crlVerdict('web/cert.pem')).toBe('web/cert.pem: OK')

    await json('cert', 'revoke', rekeyed.serialNumber, '--reason', 'keyCompromise')
    expect(await ocspStatus('web/cert.pem')).toBe('revoked keyCompromise')
    expect(await crlVerdict('web/cert.pem')).toBe('certificate revoked')
    expect(await ocspStatus('old.pem')).toBe('good')
    // Twice is no error, and the first facts stay.
    const again = await json('cert', 'revoke', rekeyed.serialNumber, '--reason', 'superseded')
    expect(again).toMatchObject({ changed: false, revocation: { reason: 'keyCompromise' } })
    const refused = await service.cli('cert', 'renew', '--out', out)
    expect(refused.status).toBe(5)
    expect(refused.stderr).toContain('revoked')
  })

  test('a hold shows at once, and is gone at once when it is lifted', async () => {
    const { serialNumber } = await json(
      'cert',
      'request',
      '--name',
      'held.example.test',
      '--out',
      join(folder, 'held'),
    )
    await json('cert', 'revoke', serialNumber, '--reason', 'certificateHold')
    expect(await ocspStatus('held/cert.pem')).toBe('revoked certificateHold')
    expect(await crlVerdict('held/cert.pem')).toBe('certificate revoked')
    expect((await json('cert', 'list', '--state', 'held')).certificates).toHaveLength(1)
    await json('cert', 'release', serialNumber)
    expect(await ocspStatus('held/cert.pem')).toBe('good')
    expect(await crlVerdict('held/cert.pem')).toBe('held/cert.pem: OK')

    await json('cert', 'revoke', serialNumber, '--reason', 'superseded')
    const { status, stderr } = await service.cli('cert', 'release', serialNumber)
    expect(status).toBe(1)
    expect(stderr).toMatch(/hold/)
    expect(await ocspStatus('held/cert.pem')).toBe('revoked superseded')
  })

  test('in bulk: a dry run first, then every one that matches and no other', async () => {
    for (const name of ['a.bulk.example.test', 'b.bulk.example.test', 'c.other.example.test']) {
      await json('cert', 'request', '--name', name, '--out', join(folder, name))
    }
    const filter = [
      'cert',
      'revoke',
      '--all-matching',
      '--name',
      '*.bulk.example.test',
      '--reason',
      'affiliationChanged',
    ]
    expect(await json(...filter, '--dry-run')).toMatchObject({ matched: 2, revoked: 0, dryRun: true })
    expect(await ocspStatus('a.bulk.example.test/cert.pem')).toBe('good')
    expect(await json(...filter)).toMatchObject({ revoked: 2, dryRun: false })
    for (const name of ['a.bulk', 'b.bulk']) {
      expect(await ocspStatus(`${name}.example.test/cert.pem`)).toBe('revoked affiliationChanged')
    }
    expect(await ocspStatus('c.other.example.test/cert.pem')).toBe('good')
    const { crls } = await json('crl', 'show', 'intermediate')
    expect(crls[0].crl.entries).toBe(
      (await json('cert', 'list', '--state', 'revoked', '--all')).certificates.length,
    )
  })

  test('a name that the token does not allow leaves no file behind', async () => {
    const { token } = await json('token', 'create', '--dns', 'mine.example.test')
    const target = join(folder, 'refused')
    const { status, stderr } = await service.cli(
      'cert',
      'request',
      '--token',
      token,
      '--name',
      'yours.example.test',
      '--out',
      target,
    )
    expect(status).toBe(5)
    expect(stderr).toContain('yours.example.test')
    expect(existsSync(join(target, 'key.pem'))).toBe(false)
  })
})
