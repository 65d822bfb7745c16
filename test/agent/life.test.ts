import { lstatSync, readdirSync, statSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { DAY } from '../api/ca-fixture.ts'
import { temporaryDirectory } from '../config/temporary.ts'
import { AgentPlace, serialOf } from './agent-fixture.ts'

async function newPlace(
  ...options: Parameters<typeof AgentPlace.make> extends [string, ...infer Rest] ? Rest : []
) {
  const place = await AgentPlace.make(temporaryDirectory(), ...options)
  onTestFinished(() => place.ca.close())
  return place
}

const ALL = {
  files: {
    key: 'web.key',
    certificate: 'leaf.pem',
    chain: 'chain.pem',
    fullchain: 'web.pem',
    combined: 'all.pem',
    staple: 'all.pem.ocsp',
    crls: 'crls.pem',
    roots: 'roots.pem',
    envoyCertificate: 'server.json',
    envoyTrust: 'peers.json',
  },
}

test('a first start enrols with the token and writes every file', async () => {
  const place = await newPlace()
  await place.giveToken()
  expect(await place.once(ALL)).toEqual([])
  expect(serialOf(place.read('web.pem'), place.read('web.key'))).toMatch(/^[0-9a-f]{40}$/)
  expect(
    readdirSync(place.file('tls'))
      .filter((name) => !name.startsWith('.'))
      .sort(),
  ).toEqual(Object.values(ALL.files).sort())
  expect(statSync(place.file('tls', 'web.key')).mode & 0o777).toBe(0o600)
  expect(statSync(place.file('tls', 'web.pem')).mode & 0o777).toBe(0o644)
  expect(lstatSync(place.file('tls', 'web.key')).isSymbolicLink()).toBe(true)
  expect(place.log.map(({ message }) => message)).toEqual(['enrolled', 'written'])
})

test('it renews by itself at two thirds of the life, with a new key', async () => {
  const place = await newPlace()
  await place.giveToken()
  await place.once()
  const first = serialOf(place.read('cert.pem'), place.read('key.pem'))
  const key = place.read('key.pem')!
  place.advance(59 * DAY)
  await place.once()
  expect(serialOf(place.read('cert.pem'), place.read('key.pem'))).toBe(first)
  place.advance(6 * DAY)
  expect(await place.once()).toEqual([])
  const second = serialOf(place.read('cert.pem'), place.read('key.pem'))
  expect(second).not.toBe(first)
  expect(place.read('key.pem')).not.toEqual(key)
  expect(place.log.at(-2)?.facts).toMatchObject({ event: 'renewed', by: 'certificate', replaces: first })
})
