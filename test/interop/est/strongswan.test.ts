import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missing, run, tool } from '../../scenario/tools.ts'
import { EstInterop } from './enrolling.ts'

describe.skipIf(missing('openssl', 'pki'))('strongSwan’s pki', () => {
  let est: EstInterop
  beforeAll(async () => {
    est = await EstInterop.start()
  })
  afterAll(() => est?.stop())

  const pki = (...args: string[]) => run('pki', args, { cwd: est.folder })

  /** `pki --est` with what openssl requested; leaves `name`.pem. */
  async function enrol(name: string, ...more: string[]): Promise<string> {
    const { stdout, stderr } = await pki(...(await enrolling(name)), ...more)
    expect(stdout, stderr).toMatch(/^-----BEGIN CERTIFICATE-----/m)
    writeFileSync(join(est.folder, `${name}.pem`), stdout)
    return est.expectIssued(`${name}.pem`, name)
  }
  // A label would come before "/.well-known" in its requests, where no server looks for it.
  async function enrolling(name: string): Promise<string[]> {
    await est.request(name)
    return ['--est', '--url', est.url, '--in', `${name}.der`, '--cacert', 'root.pem', '--outform', 'pem']
  }

  test('--estca fetches the intermediate and the root', async () => {
    const args = [
      '--estca',
      '--url',
      est.url,
      '--cacert',
      'root.pem',
      '--caout',
      'ca.pem',
      '--outform',
      'pem',
    ]
    const { status, stderr } = await pki(...args)
    expect(status, stderr).toBe(0)
    const files = readdirSync(est.folder).filter((name) => /^ca.*\.pem$/.test(name))
    expect(files).toHaveLength(2)
    await tool(est.folder, 'openssl', 'verify', '-CAfile', 'root.pem', ...files)
  })

  test('--est enrols by name and password', async () => {
    const { name, password } = await est.user('strongswan')
    await enrol('first', '--userpass', `${name}:${password}`)
  })

  test('--est enrols by a token, and renews by the certificate', async () => {
    const old = await enrol('second', '--userpass', `x:${await est.token('peer')}`)
    const serial = await enrol('third', '--cert', 'second.pem', '--key', 'second.key')
    const { replaces } = await est.ca.rest.json<{ replaces: string }>('GET', `/v1/certificates/${serial}`)
    expect(replaces).toBe(old)
  })

  test('--est is refused with a wrong password', async () => {
    const { status, stdout } = await pki(...(await enrolling('refused')), '--userpass', 'nobody:wrong')
    expect([status !== 0, stdout]).toEqual([true, ''])
  })

  test('--est waits until a person approves', async () => {
    const token = await est.token('watched')
    const { rest } = est.ca
    async function approve(): Promise<void> {
      const pending = () => rest.json<{ requests: { id: number }[] }>('GET', '/v1/requests?state=pending')
      await expect.poll(async () => (await pending()).requests.length, { timeout: 30_000 }).toBe(1)
      await rest.json('POST', `/v1/requests/${(await pending()).requests[0]!.id}/approve`, { body: {} })
    }
    const enrolled = enrol('fourth', '--userpass', `x:${token}`, '--interval', '1', '--maxpolltime', '60')
    await Promise.all([enrolled, approve()])
  })

  test('--est shows the certificate of a device in vain, since it takes that for what is to be renewed', async () => {
    const { status, stderr } = await pki(
      ...[...(await enrolling('fifth')), '--cert', 'device.pem', '--key', 'device.key'],
    )
    expect(status).not.toBe(0)
    expect(stderr).toContain('401')
  })
})
