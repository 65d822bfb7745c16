import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dataDirectory, loadConfig, parseOptions } from '../../src/config/load.ts'
import { refusal, temporaryDirectory } from './temporary.ts'

test('reads the file in the data directory', () => {
  const dir = temporaryDirectory()
  writeFileSync(join(dir, 'chancery.yaml'), '# ports\ntlsPort: 9443\n')
  expect(loadConfig({ CHANCERY_DIR: dir }).config).toMatchObject({ dir, tlsPort: 9443 })
})

test('needs no file', () => {
  const dir = temporaryDirectory()
  expect(loadConfig({ CHANCERY_DIR: join(dir, 'none') }).config.tlsPort).toBe(8443)
})

test('a file that cannot be read is an error, not an absent one', () => {
  const dir = temporaryDirectory()
  mkdirSync(join(dir, 'chancery.yaml'))
  const { code, detail } = refusal(() => loadConfig({ CHANCERY_DIR: dir }))
  expect(code).toBe('badConfiguration')
  expect(detail).toContain('cannot be read')
})

test('the directory is absolute, and the command line goes before the environment', () => {
  expect(dataDirectory({ CHANCERY_DIR: '/a' }, '/b')).toBe('/b')
  expect(dataDirectory({ CHANCERY_DIR: '/a' })).toBe('/a')
  expect(dataDirectory({ CHANCERY_DIR: '' })).toBe(join(process.cwd(), 'data'))
})

describe('YAML', () => {
  test('an empty document is no options', () => {
    expect(parseOptions('')).toBeNull()
    expect(parseOptions('# only words\n')).toBeNull()
  })

  test.each([
    ['a key twice', 'tlsPort: 1\ntlsPort: 2', 'unique'],
    ['broken syntax', 'tls: {names: [a', 'chancery.yaml: '],
    ['two documents', 'tlsPort: 1\n---\ntlsPort: 2', 'chancery.yaml: '],
    ['an unknown tag', 'tlsPort: !secret 1', 'chancery.yaml: '],
  ])('%s is refused', (_what, text, expected) => {
    const { code, detail } = refusal(() => parseOptions(text))
    expect(code).toBe('badConfiguration')
    expect(detail).toContain(expected)
  })

  test('aliases that multiply are refused', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]']
    for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef'].map((pair) => [...pair])) {
      bomb.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join()}]`)
    }
    expect(refusal(() => parseOptions(bomb.join('\n'))).code).toBe('badConfiguration')
  })
})

test('secrets are no part of the configuration', () => {
  const dir = temporaryDirectory()
  const { config, secrets } = loadConfig({ CHANCERY_DIR: dir, CHANCERY_PASSPHRASE: 'correct horse' })
  expect(secrets.passphrase).toBe('correct horse')
  expect(JSON.stringify(config)).not.toContain('correct horse')
})
