import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readSecretFile } from '../../src/config/secret-file.ts'
import { ensurePassphrase, ensureRootPassphrase, loadSecrets } from '../../src/config/secrets.ts'
import { refusal, temporaryDirectory } from './temporary.ts'

function secretFile(dir: string, name: string, text: string, mode = 0o600): string {
  const file = join(dir, name)
  writeFileSync(file, text)
  chmodSync(file, mode)
  return file
}

describe('where the passphrase comes from', () => {
  test('a file, without its last line break alone', () => {
    const dir = temporaryDirectory()
    const CHANCERY_PASSPHRASE_FILE = secretFile(dir, 'p', ' two words \n')
    expect(loadSecrets({ CHANCERY_PASSPHRASE_FILE }, dir)).toEqual({ passphrase: ' two words ' })
  })

  test('the environment, a systemd credential, the data directory: in this order', () => {
    const dir = temporaryDirectory()
    expect(loadSecrets({}, dir)).toEqual({ passphrase: null })
    secretFile(dir, 'passphrase', 'own\n')
    expect(loadSecrets({}, dir)).toEqual({ passphrase: 'own' })
    const CREDENTIALS_DIRECTORY = join(dir, 'credentials')
    mkdirSync(CREDENTIALS_DIRECTORY)
    expect(loadSecrets({ CREDENTIALS_DIRECTORY }, dir)).toEqual({ passphrase: 'own' })
    secretFile(CREDENTIALS_DIRECTORY, 'chancery-passphrase', 'credential', 0o440)
    expect(loadSecrets({ CREDENTIALS_DIRECTORY }, dir)).toEqual({ passphrase: 'credential' })
    expect(loadSecrets({ CREDENTIALS_DIRECTORY, CHANCERY_PASSPHRASE: 'text' }, dir)).toEqual({
      passphrase: 'text',
    })
  })

  test('two at once are refused, and neither is named', () => {
    const dir = temporaryDirectory()
    const environment = {
      CHANCERY_PASSPHRASE_FILE: secretFile(dir, 'p', 'hidden'),
      CHANCERY_PASSPHRASE: 'also hidden',
    }
    expect(refusal(() => loadSecrets(environment, dir)).detail).not.toContain('hidden')
  })

  test('a file that is named must be there', () => {
    const dir = temporaryDirectory()
    expect(refusal(() => loadSecrets({ CHANCERY_PASSPHRASE_FILE: join(dir, 'none') }, dir)).code).toBe(
      'badConfiguration',
    )
  })
})

describe('modes', () => {
  test.each([0o600, 0o400])('0%o is private', (mode) => {
    expect(readSecretFile(secretFile(temporaryDirectory(), 's', 'x', mode), 'It')).toBe('x')
  })

  test.each([0o640, 0o604, 0o620, 0o602, 0o610, 0o644])('%i is too wide', (mode) => {
    const { detail } = refusal(() =>
      readSecretFile(secretFile(temporaryDirectory(), 's', 'hidden', mode), 'It'),
    )
    expect(detail).toContain('chmod 600')
    expect(detail).not.toContain('hidden')
  })

  test.each([0o444, 0o460, 0o450])('%i is too wide for a systemd credential as well', (mode) => {
    const file = secretFile(temporaryDirectory(), 's', 'x', mode)
    expect(refusal(() => readSecretFile(file, 'It', { groupMayRead: true })).detail).toContain('mode')
  })

  test('an empty secret is none', () => {
    expect(refusal(() => readSecretFile(secretFile(temporaryDirectory(), 's', '\n'), 'It')).detail).toContain(
      'empty',
    )
  })
})

describe('making one', () => {
  test('is kept with mode 0600 and found again', () => {
    const dir = join(temporaryDirectory(), 'data')
    const made = ensurePassphrase(loadSecrets({}, dir), dir)
    expect(made.passphrase).toMatch(/^[\w-]{43}$/)
    expect(statSync(join(dir, 'passphrase')).mode & 0o777).toBe(0o600)
    expect(statSync(dir).mode & 0o777).toBe(0o700)
    expect(loadSecrets({}, dir)).toEqual(made)
    expect(ensurePassphrase(loadSecrets({}, dir), dir)).toEqual(made)
  })

  test('leaves a given one alone and writes nothing', () => {
    const dir = temporaryDirectory()
    expect(ensurePassphrase({ passphrase: 'given' }, dir)).toEqual({ passphrase: 'given' })
    expect(() => statSync(join(dir, 'passphrase'))).toThrow()
  })

  test('the root has one of its own', () => {
    const dir = temporaryDirectory()
    const root = ensureRootPassphrase(dir)
    expect(root).not.toBe(ensurePassphrase(loadSecrets({}, dir), dir).passphrase)
    expect(ensureRootPassphrase(dir)).toBe(root)
    expect(ensureRootPassphrase(dir, secretFile(dir, 'given', 'given'))).toBe('given')
  })

  test('where another process made one in between, that one stands', () => {
    const dir = temporaryDirectory()
    const none = loadSecrets({}, dir)
    secretFile(dir, 'passphrase', 'theirs\n')
    expect(ensurePassphrase(none, dir)).toEqual({ passphrase: 'theirs' })
    expect(readFileSync(join(dir, 'passphrase'), 'utf8')).toBe('theirs\n')
  })
})
