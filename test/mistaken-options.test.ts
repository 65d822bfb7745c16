import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import Fastify from 'fastify'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type ChanceryOptions, chancery, openChancery, publicRoutes } from '../src/index.ts'

/** What plain JavaScript may give, where no type says that it is wrong. */
const folder = mkdtempSync(join(tmpdir(), 'chancery-mistaken-'))
const home = process.cwd()
beforeAll(() => process.chdir(folder))
afterEach(() => expect(readdirSync(folder)).toEqual([]))
afterAll(() => {
  process.chdir(home)
  rmSync(folder, { recursive: true })
})

const publicUrl = 'http://ca.example.test'

describe('without the path of a data directory no CA is made, wherever the process stands', () => {
  test.each([
    ['nothing at all', undefined],
    ['no directory', { publicUrl }],
    ['one under another name', { dirctory: './ca', publicUrl }],
    ['a variable that is not set', { directory: undefined, publicUrl }],
    ['one that is empty', { directory: '', publicUrl }],
    ['a URL', { directory: pathToFileURL(folder), publicUrl }],
  ])('%s', async (_what, options) => {
    await expect(openChancery(options as unknown as ChanceryOptions)).rejects.toMatchObject({
      code: 'badConfiguration',
      detail: expect.stringContaining('"directory"'),
    })
  })
})

test.each([
  ['passPhrase', 'passphrase'],
  ['passphase', 'passphrase'],
  ['option', 'options'],
])('%s, which nothing would read, is refused', async (given, meant) => {
  const options = { directory: './ca', publicUrl, [given]: 'x' }
  await expect(openChancery(options)).rejects.toMatchObject({
    code: 'badConfiguration',
    detail: `"${given}" is not known; did you mean "${meant}"?`,
  })
})

describe.each([
  ['chancery', chancery],
  ['publicRoutes', publicRoutes],
])('%s', (_name, plugin) => {
  test.each([
    ['that is not there', undefined],
    ['that is still to be awaited', Promise.resolve({})],
  ])('refuses a service %s', async (_what, service) => {
    const app = Fastify()
    app.register(plugin, { service: service as never })
    await expect(app.ready()).rejects.toMatchObject({
      code: 'badConfiguration',
      detail: expect.stringContaining('"service"'),
    })
  })
})
