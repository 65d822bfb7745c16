import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Deadline } from '../../../src/acme/validation/deadline.ts'
import { NameResolver, type SystemNames } from '../../../src/acme/validation/name-resolver.ts'
import { freePort } from '../../free-port.ts'
import { dnsFor } from './setting.ts'

const NONE = Object.assign(new Error('none'), { code: 'ENOTFOUND' })
const HOSTS = `127.0.0.1\tlocalhost
# 127.0.0.2 hosted.example.test
127.0.0.3  other.example.test hosted.example.test hostedXexample.test # hash.example.test
  ::3 HOSTED.example.test\r
127.0.0.4 hosted.example.test.corp.test xhosted.example.test
nonsense hosted.example.test`

/** As on a machine with this hosts file and DNS server, by default without any. */
async function resolver(
  lookup: SystemNames['lookup'],
  server?: string,
  searchDomains: readonly string[] = [],
): Promise<NameResolver> {
  const directory = mkdtempSync(join(tmpdir(), 'chancery-hosts-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const hostsFile = join(directory, 'hosts')
  writeFileSync(hostsFile, HOSTS)
  return new NameResolver([server ?? `127.0.0.1:${await freePort()}`], { hostsFile, lookup }, searchDomains)
}

async function addresses(of: NameResolver, name: string, signal?: AbortSignal): Promise<string[]> {
  const deadline = new Deadline(30, signal)
  try {
    return await of.addresses(name, deadline)
  } finally {
    deadline.close()
  }
}

const nobody = (): never => {
  throw NONE
}

test('the hosts file goes first, by whole names', async () => {
  const dns = await dnsFor({ 'hosted.example.test': { A: ['192.0.2.1'] }, 'hash.example.test': {} })
  const names = await resolver(async () => nobody(), dns.address)
  expect(await addresses(names, 'hosted.example.test')).toEqual(['::3', '127.0.0.3'])
  expect(await addresses(names, 'localhost')).toEqual(['127.0.0.1'])
  expect(dns.queries).toEqual([])
  expect(await addresses(names, 'hash.example.test')).toEqual([])
})

test('what the system alone knows is found, and never by a search domain', async () => {
  const asked: string[] = []
  const lookup = async (name: string) => {
    asked.push(name)
    return name === 'printer.local.' ? ['127.0.0.7'] : nobody()
  }
  const dns = await dnsFor({})
  const names = await resolver(lookup, dns.address)
  expect(await addresses(names, 'printer.local')).toEqual(['127.0.0.7'])
  expect(await addresses(names, 'bank.example')).toEqual([])
  // Also where there is no DNS server at all.
  expect(await addresses(await resolver(lookup), 'printer.local')).toEqual(['127.0.0.7'])
  expect(asked).toEqual(['printer.local.', 'bank.example.', 'printer.local.'])
})

test.each(['SERVFAIL', 'REFUSED'] as const)(
  'a DNS server that fails (%s) is told: neither is the name without address, nor does the system decide',
  async (fault) => {
    const dns = await dnsFor({ 'web.example.test': fault })
    const names = await resolver(async () => ['127.0.0.7'], dns.address)
    await expect(addresses(names, 'web.example.test')).rejects.toThrow('DNS fails for web.example.test')
  },
)

test('search domains of the configuration count where a name has no address, in their order', async () => {
  const dns = await dnsFor({
    'web.default.svc.cluster.local': { A: ['127.0.0.8'] },
    'web.default.svc.other.local': { A: ['127.0.0.9'] },
    'api.default.svc.other.local': { A: ['127.0.0.10'] },
    'own.example.test': { A: ['127.0.0.11'] },
    'own.example.test.cluster.local': { A: ['127.0.0.12'] },
  })
  const names = await resolver(async () => nobody(), dns.address, ['cluster.local', 'other.local'])
  expect(await addresses(names, 'web.default.svc')).toEqual(['127.0.0.8'])
  expect(await addresses(names, 'api.default.svc')).toEqual(['127.0.0.10'])
  expect(await addresses(names, 'own.example.test')).toEqual(['127.0.0.11'])
  expect(await addresses(names, 'nothing.example.test')).toEqual([])
})

test('names whose lookup hangs hold up no others', async () => {
  const dns = await dnsFor({
    'hangs1.example.test': 'silence',
    'hangs2.example.test': 'silence',
    'web.example.test': { A: ['127.0.0.1'] },
  })
  const started: string[] = []
  const names = await resolver((name) => {
    started.push(name)
    return new Promise(() => {})
  }, dns.address)
  const stop = new AbortController()
  const hung = ['hangs1.example.test', 'hangs2.example.test', 'none1.test', 'none2.test'].map((name) =>
    addresses(names, name, stop.signal),
  )
  await expect.poll(() => started.toSorted()).toEqual(['none1.test.', 'none2.test.'])
  expect(await addresses(names, 'web.example.test')).toEqual(['127.0.0.1'])
  stop.abort(new Error('over'))
  const over = { status: 'rejected', reason: new Error('over') }
  expect(await Promise.allSettled(hung)).toEqual([over, over, over, over])
})
