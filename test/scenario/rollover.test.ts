import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificatesOf } from '../api/est/messages.ts'
import { curlTls, enrolWithCurl, openSslRequest, serialOf } from './enrolment.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { command, missing, run, workFolder } from './tools.ts'

/** Every step by the commands that an operator runs; the machine that holds the roots is the folder `safe`. */
describe.skipIf(missing('openssl', 'curl', 'certtool'))('a rollover breaks nobody', () => {
  let service: ServiceProcess
  const folder = workFolder()
  const safe = workFolder()
  /** Leaves that must verify at every step: by whom they were issued, and the root below which that stands. */
  const leaves = new Map<string, { issuer: string; root: 'old' | 'new' }>()

  beforeAll(async () => {
    const directory = workFolder()
    writeFileSync(
      join(directory, 'chancery.yaml'),
      'rollover:\n  propagation: 0s\nprofiles:\n  bridged:\n    extends: server\n    chain: root\n',
    )
    service = await startService({ directory })
    await command(folder, `curl -sSf ${service.httpUrl}/bundles/roots.pem -o old.pem`)
    writeFileSync(at('new-passphrase'), 'of the new root\n', { mode: 0o600 })
  })
  afterAll(() => service?.stop())

  async function must(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await service.cli(...args)
    expect(status, `${args.join(' ')}\n${stderr}`).toBe(0)
    return stdout
  }
  const at = (name: string) => join(safe, name)
  const rootOptions = (which: 'old' | 'new') =>
    which === 'old'
      ? [
          ...['--root-folder', join(service.directory, 'root-offline')],
          ...['--root-passphrase-file', join(service.directory, 'root-passphrase')],
        ]
      : ['--root-folder', at('new-root'), '--root-passphrase-file', at('new-passphrase')]

  async function authority(id: string, replaces: string, root: 'old' | 'new'): Promise<void> {
    await must('authority', 'create', id, '--replaces', replaces, '--subject', `CN=Issuing ${id}`)
    await must('authority', 'csr', id, '--out', at(`${id}.csr`))
    const url = ['--public-url', service.httpUrl]
    await must('authority', 'sign', at(`${id}.csr`), ...rootOptions(root), ...url, '--out', at(`${id}.pem`))
    await must('authority', 'install', at(`${id}.pem`), '--authority', id)
  }

  async function enrol(name: string, issuer: string, root: 'old' | 'new', query = ''): Promise<void> {
    await openSslRequest(folder, name, `DNS:${name}.example.test`)
    await enrolWithCurl(folder, service, name, query)
    const { authority: by } = JSON.parse(
      await must('cert', 'show', await serialOf(folder, `${name}.pem`), '--json'),
    )
    expect(by).toBe(issuer)
    leaves.set(name, { issuer, root })
  }

  const states = async (): Promise<Record<string, string>> =>
    Object.fromEntries(
      JSON.parse(await must('authority', 'list', '--json')).authorities.map(
        (one: { id: string; state: string; isDefault: boolean }) => [
          one.id,
          one.isDefault ? `${one.state}, default` : one.state,
        ],
      ),
    )

  /** By three implementations, with nothing but this trust store, what the server sends, and the CRLs. */
  async function verifies(name: string, store: string, more = ''): Promise<void> {
    const untrusted = more ? `${name}-more.pem` : `${name}.pem`
    const sent = readFileSync(join(folder, `${name}.pem`), 'utf8')
    if (more) writeFileSync(join(folder, untrusted), sent + readFileSync(join(folder, more), 'utf8'))
    const strict = 'openssl verify -x509_strict -crl_check_all -purpose sslserver -CRLfile crls.pem'
    const line = `${strict} -no-CApath -no-CAstore -CAfile ${store} -untrusted ${untrusted} ${name}.pem`
    expect(await command(folder, line)).toBe(`${name}.pem: OK\n`)
    const gnu = `certtool --verify --load-ca-certificate ${store} --load-crl crls.pem --infile ${untrusted}`
    expect(await command(folder, gnu), `${name} by ${store}`).toContain(
      'Verified. The certificate is trusted.',
    )
    expect(await shakesHands(name, untrusted, store)).toBe(true)
  }

  /** A TLS server with this certificate, and a client with this trust store. */
  async function shakesHands(name: string, chain: string, store: string): Promise<boolean> {
    const read = (file: string) => readFileSync(join(folder, file), 'utf8')
    const server = createServer({ key: read(`${name}.key`), cert: read(chain) }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const servername = `${name}.example.test`
    const socket = connect({ port, host: '127.0.0.1', servername, ca: read(store) })
    try {
      await once(socket, 'secureConnect')
      return socket.authorized
    } finally {
      socket.destroy()
      server.close()
    }
  }

  /** All that was issued so far, by CRL and OCSP as they are now. */
  async function allIsWell(): Promise<void> {
    await command(folder, `curl -sSf ${service.httpUrl}/bundles/roots.crl.pem -o crls.pem`)
    await command(folder, `curl -sSf ${service.httpUrl}/bundles/roots.pem -o roots.pem`)
    for (const [name, { issuer, root }] of leaves) {
      // Whoever keeps to the bundle has both roots; whoever does not has one.
      await verifies(name, 'roots.pem')
      await verifies(name, `${root}.pem`)
      await command(folder, `curl -sSf ${service.httpUrl}/ca/${issuer}.pem -o ca-${issuer}.pem`)
      const ask = `openssl ocsp -issuer ca-${issuer}.pem -cert ${name}.pem -CAfile ${root}.pem -verify_other ca-${issuer}.pem -url ${service.httpUrl}/ocsp`
      const answer = await command(folder, ask)
      expect(answer).toContain('Response verify OK')
      expect(answer).toContain(`${name}.pem: good`)
    }
  }

  test('a new intermediate is staged beside the old one, which issues until the other is active', async () => {
    await enrol('first', 'intermediate', 'old')
    await allIsWell()
    await authority('next', 'intermediate', 'old')
    expect(await states()).toMatchObject({ intermediate: 'active, default', next: 'staged' })
    await enrol('staged', 'intermediate', 'old')
    await allIsWell()
    const moved = await must('authority', 'activate', 'next')
    expect(moved).toMatch(/^ok {6}propagation/m)
    expect(moved).toMatch(/Authority next is the default/)
    expect(await states()).toMatchObject({ intermediate: 'retired', next: 'active, default' })
    await enrol('second', 'next', 'old')
    await allIsWell()
  })

  test('and back, and forth again', async () => {
    await must('authority', 'activate', 'intermediate', '--others', 'staged', '--reason', 'a test')
    expect(await states()).toMatchObject({ intermediate: 'active, default', next: 'staged' })
    await enrol('back', 'intermediate', 'old')
    await allIsWell()
    await must('authority', 'activate', 'next')
    await enrol('forth', 'next', 'old')
    await allIsWell()
    const path = '/v1/audit?action=authority.activate'
    const rest = service.rest()
    const audit = await rest.json<{ entries: object[] }>('GET', path)
    rest.close()
    expect(audit.entries).toHaveLength(3)
  })

  test('the retired one revokes what it issued, in CRL and OCSP', async () => {
    await must('cert', 'revoke', await serialOf(folder, 'staged.pem'), '--reason', 'superseded')
    leaves.delete('staged')
    await allIsWell()
    const line =
      'openssl verify -crl_check_all -CRLfile crls.pem -CAfile old.pem -untrusted staged.pem staged.pem'
    const [program, ...args] = line.split(' ')
    expect((await run(program!, args, { cwd: folder })).stderr).toContain('certificate revoked')
    const ask = `openssl ocsp -issuer ca-intermediate.pem -cert staged.pem -CAfile old.pem -verify_other ca-intermediate.pem -url ${service.httpUrl}/ocsp`
    expect(await command(folder, ask)).toContain('staged.pem: revoked')
  })

  test('a new root comes into every bundle, with cross-certificates both ways', async () => {
    const made = JSON.parse(
      await must('root', 'create', ...rootOptions('new'), '--subject', 'CN=The New Root', '--json'),
    )
    writeFileSync(join(folder, 'new.pem'), made.certificate)
    await must('root', 'crl', '--first', ...rootOptions('new'), '--out', at('new.crl.pem'))
    const url = ['--public-url', service.httpUrl]
    await must(
      'root',
      'cross',
      join(folder, 'new.pem'),
      ...rootOptions('old'),
      ...url,
      '--out',
      at('new-with-old.pem'),
    )
    await must(
      'root',
      'cross',
      join(folder, 'old.pem'),
      ...rootOptions('new'),
      ...url,
      '--out',
      at('old-with-new.pem'),
    )
    await must(
      'root',
      'install',
      join(folder, 'new.pem'),
      at('new.crl.pem'),
      at('new-with-old.pem'),
      at('old-with-new.pem'),
    )
    await allIsWell()
    const count = (file: string) =>
      readFileSync(join(folder, file), 'utf8').match(/BEGIN CERTIFICATE/g)!.length
    await command(folder, `curl -sSf ${service.httpUrl}/bundles/cross.pem -o cross.pem`)
    expect([count('roots.pem'), count('cross.pem')]).toEqual([2, 2])
    const cacerts = await curlTls(folder, service, '/.well-known/est/cacerts')
    const names = certificatesOf(Buffer.from(cacerts)).map(({ subject, issuer }) => `${subject} <- ${issuer}`)
    expect(names.filter((name) => name.includes('CN=The New Root'))).toHaveLength(3)
  })

  test('an intermediate below the new root takes over, and old and new trust stores take what a profile bridges', async () => {
    await authority('third', 'next', 'new')
    await allIsWell()
    await must('authority', 'activate', 'third')
    await enrol('third', 'third', 'new')
    await enrol('bridged', 'third', 'new', '?profile=bridged')
    await allIsWell()
    // With the old root alone: by the cross-certificate that the server sends along, where the profile says so.
    await verifies('bridged', 'old.pem')
    await expect(verifies('third', 'old.pem')).rejects.toThrow()
    await verifies('third', 'old.pem', 'cross.pem')
    // With the new root alone, what stands below the old one.
    for (const name of ['first', 'second', 'forth']) await verifies(name, 'new.pem', 'cross.pem')
  })

  test('the old root stays for as long as anything below it counts', async () => {
    const refused = await service.cli('authority', 'retire', 'root')
    expect(refused.status).toBe(1)
    expect(refused.stderr).toMatch(/stands below it, and answers for its certificates until/)
    const doctor = await service.cli('doctor', '--json')
    const { findings } = JSON.parse(doctor.stdout)
    expect(findings.filter(({ verdict }: { verdict: string }) => verdict === 'failed')).toEqual([])
    await must('authority', 'retire', 'root', '--force', 'below')
    await command(folder, `curl -sSf ${service.httpUrl}/bundles/roots.pem -o roots.pem`)
    expect(readFileSync(join(folder, 'roots.pem'), 'utf8')).toBe(
      readFileSync(join(folder, 'new.pem'), 'utf8'),
    )
    // And back.
    await must('authority', 'activate', 'root')
    await allIsWell()
  })
})
