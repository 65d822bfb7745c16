import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Trust } from '../../src/agent/trust.ts'
import { TestCa } from '../api/ca-fixture.ts'
import { temporaryDirectory } from '../config/temporary.ts'

test('a root that the CA publishes proves it from then on, also after a restart, unless that is not wanted', async () => {
  const [before, after] = await Promise.all([TestCa.create(), TestCa.create()])
  onTestFinished(async () => {
    await Promise.all([before.close(), after.close()])
  })
  const folder = temporaryDirectory()
  const file = join(folder, 'root.pem')
  writeFileSync(file, before.rootPem)
  const open = async (follow: boolean) => {
    const trust = new Trust({ services: [], state: folder, trust: { file, follow } })
    await trust.open()
    return trust
  }
  const strict = await open(false)
  strict.follow('ca', before.rootPem + after.rootPem)
  expect(strict.roots()).toBe(before.rootPem)
  const following = await open(true)
  following.follow('ca', before.rootPem)
  expect(following.roots()).toBe(before.rootPem)
  following.follow('ca', before.rootPem + after.rootPem)
  expect((await open(true)).roots()).toContain(after.rootPem)
  expect((await open(false)).roots()).not.toContain(after.rootPem)
  expect(readFileSync(file, 'utf8')).toBe(before.rootPem)
})

test('roots of one bundle stay when those of another are followed', async () => {
  const cas = await Promise.all([TestCa.create(), TestCa.create(), TestCa.create()])
  onTestFinished(async () => {
    await Promise.all(cas.map((ca) => ca.close()))
  })
  const [given, east, west] = cas.map(({ rootPem }) => rootPem) as [string, string, string]
  const folder = temporaryDirectory()
  const file = join(folder, 'root.pem')
  writeFileSync(file, given)
  const trust = new Trust({ services: [], state: folder, trust: { file, follow: true } })
  await trust.open()
  for (const [name, bundle] of [
    ['east', east],
    ['west', west],
    ['east', east],
  ] as const)
    trust.follow(name, bundle)
  expect(trust.roots()).toBe(given + east + west)
  // What a bundle has no more is withdrawn, also after a restart; what was given is not.
  trust.follow('east', west)
  expect(trust.roots()).toBe(given + west)
  trust.follow('west', given)
  trust.follow('east', given)
  expect(trust.roots()).toBe(given)
})

test('a file that is not there, or holds no certificate, is named', async () => {
  const folder = temporaryDirectory()
  const trust = (file: string) => new Trust({ services: [], state: folder, trust: { file, follow: true } })
  await expect(trust(join(folder, 'none.pem')).open()).rejects.toThrow(/none\.pem cannot be read/)
  writeFileSync(join(folder, 'odd.pem'), 'hello\n')
  await expect(trust(join(folder, 'odd.pem')).open()).rejects.toThrow(
    /trust file .*odd\.pem is not valid PEM/,
  )
})
