import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { SealedSecrets } from '../../../src/acme/sealed-secrets.ts'
import { changePassphrase, isPassphraseChanging } from '../../../src/ca/custody/change-passphrase.ts'
import { settleKeys } from '../../../src/ca/custody/settle.ts'
import { defaultHierarchy } from '../../../src/ca/hierarchy/defaults.ts'
import { initialise } from '../../../src/ca/hierarchy/initialise.ts'
import { keepIdentity } from '../../../src/ca/kept-identity.ts'
import { systemClock } from '../../../src/clock.ts'
import { CaError } from '../../../src/errors.ts'
import { parseCertificate } from '../../../src/pki/certificate/parse.ts'
import { generateKey } from '../../../src/pki/keys/generate.ts'
import { decryptPkcs8 } from '../../../src/pki/keys/pkcs8.ts'
import { openStore } from '../../../src/store/open.ts'
import type { Store } from '../../../src/store/store.ts'
import { audit } from '../../store/records.ts'

// Each step derives keys from passphrases, which is meant to be slow.
vi.setConfig({ testTimeout: 180_000 })

const [OLD, NEW] = ['the old passphrase', 'the new passphrase']
const SECRET = Buffer.from('the MAC key of an account')
const fail = (error: unknown) => {
  throw error
}

/** A data directory with two key files, a passphrase file and a sealed secret, and its open store. */
async function prepared(): Promise<{ directory: string; store: Store }> {
  const directory = join(mkdtempSync(join(tmpdir(), 'chancery-custody-')), 'data')
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const { intermediate } = defaultHierarchy()
  await initialise({ directory, clock: systemClock, passphrase: OLD, intermediate, root: null, urls: null })
  writeFileSync(join(directory, 'passphrase'), `${OLD}\n`, { mode: 0o600 })
  const key = await generateKey('P-256')
  const certificate = parseCertificate(Buffer.from(CERTIFICATE, 'base64'))
  await keepIdentity(join(directory, 'keys', 'service-tls.pem'), { key, certificate }, OLD, fail)
  const store = await openStore({ file: join(directory, 'chancery.db') })
  await store.write('createExternalKey', {
    ...{ kid: 'a-key', sealed: await new SealedSecrets(OLD).seal(SECRET), profiles: null, names: null },
    ...{ singleUse: false, expiresAt: null, createdAt: 0, createdBy: 'admin:default', audit: audit('x') },
  })
  return { directory, store }
}

const CERTIFICATE =
  'MIIBcjCCARmgAwIBAgIUEo/gwyUKyzlSSoMTXaiFj8lBosowCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEdGVzdDAeFw0yNjExMjcxNDA4NTdaFw0zNjExMjQxNDA4NTdaMA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ2nkdFQocBRO+QLpnchMWOkbECzcA7jX+37KnhRKnTB4O3ZH9ImtUWYN+k9YMXOiyEunFV8hly3lp9R5bxA780o1MwUTAdBgNVHQ4EFgQUIMvFXpbecFdHBYVisu3PxxDGkJMwHwYDVR0jBBgwFoAUIMvFXpbecFdHBYVisu3PxxDGkJMwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBNNiEmIXbgcf8m7Fl5V0HlSdMWbZDaX4NeFI2iGi0QngIgPr1QOLl8Hhkp07U6Rj7TL+FY15kClOeE+JuPtEreOrg='

/** Which of both opens every key file and the secret, by the passphrase file as well; throws where neither does. */
async function rightPassphrase(directory: string): Promise<string> {
  const passphrase = readFileSync(join(directory, 'passphrase'), 'utf8').trim()
  expect(statSync(join(directory, 'passphrase')).mode & 0o777).toBe(0o600)
  const keys = join(directory, 'keys')
  const files = readdirSync(keys).filter((name) => name.endsWith('.pem'))
  expect(files).toEqual(['intermediate.key.pem', 'service-tls.pem'])
  for (const name of files) {
    await decryptPkcs8(readFileSync(join(keys, name), 'utf8'), passphrase)
    expect(statSync(join(keys, name)).mode & 0o777).toBe(0o600)
  }
  expect(readFileSync(join(keys, 'service-tls.pem'), 'utf8')).toContain('BEGIN CERTIFICATE')
  const store = await openStore({ file: join(directory, 'chancery.db') })
  try {
    const { rows } = await store.read.listExternalKeys({ limit: 10 })
    expect(await new SealedSecrets(passphrase).unseal(rows[0]!.sealed)).toEqual(SECRET)
  } finally {
    await store.close()
  }
  return passphrase
}

function change({ directory, store }: { directory: string; store: Store }, step: () => void) {
  const [before, after] = [new SealedSecrets(OLD), new SealedSecrets(NEW)]
  return changePassphrase({
    ...{ directory, store, old: OLD, next: NEW, isKept: true, step },
    reseal: async (sealed) => after.seal(await before.unseal(sealed)),
    audit: audit('key.passphrase'),
  })
}

test('every key, the secrets in the database and the passphrase file change together', async () => {
  const made = await prepared()
  expect(await change(made, () => {})).toEqual(['intermediate.key.pem', 'service-tls.pem'])
  await made.store.close()
  expect(await rightPassphrase(made.directory)).toBe(NEW)
  expect(existsSync(join(made.directory, 'keys', '.rekeying'))).toBe(false)
})

test('whichever step is the last, one of both passphrases opens all after the next start', async () => {
  const made = await prepared()
  let steps = 0
  let { store } = made
  const outcomes: string[] = []
  for (let last = 1; ; last++) {
    steps = 0
    // An exception leaves the disk as a kill would: nothing is cleaned up on the way out.
    const finished = await change({ ...made, store }, () => {
      if (++steps === last) throw new Error('killed')
    }).then(
      () => true,
      (error: Error) => {
        expect(error.message).toContain('killed')
        return false
      },
    )
    await store.close()
    await settleKeys(made.directory)
    expect(isPassphraseChanging(made.directory)).toBe(false)
    // Keys beside the passphrase that opens them.
    expect(existsSync(join(made.directory, 'keys', '.rekeying'))).toBe(false)
    const right = await rightPassphrase(made.directory)
    outcomes.push(right)
    if (finished || right === NEW) {
      // Back to the beginning, for the next step.
      if (finished) break
      store = await openStore({ file: join(made.directory, 'chancery.db') })
      const [before, after] = [new SealedSecrets(NEW), new SealedSecrets(OLD)]
      await changePassphrase({
        ...{ directory: made.directory, store, old: NEW, next: OLD, isKept: true },
        reseal: async (sealed) => after.seal(await before.unseal(sealed)),
        audit: audit('key.passphrase'),
      })
    } else store = await openStore({ file: join(made.directory, 'chancery.db') })
  }
  // Two files and the secret to write, the decision; then two renames, the file, the secret, the clearing.
  expect(outcomes).toEqual([OLD, OLD, OLD, OLD, NEW, NEW, NEW, NEW, NEW, NEW])
})

test('where the database takes no more once the change is decided, the new passphrase is said to be the right one', async () => {
  const made = await prepared()
  const cause = new CaError('storeFailed', 'Nothing was recorded.', {
    cause: new Error('disk is full\n    at transaction'),
  })
  const full: Store = Object.create(made.store, { write: { value: () => Promise.reject(cause) } })
  await expect(change({ ...made, store: full }, () => {})).rejects.toMatchObject({
    code: 'storeFailed',
    detail: expect.stringMatching(/^The new passphrase is the right one from now on.*: disk is full\. /),
  })
  await made.store.close()
  await settleKeys(made.directory)
  expect(await rightPassphrase(made.directory)).toBe(NEW)
})

test('a file that the old passphrase does not open is named, and nothing changes', async () => {
  const made = await prepared()
  const key = await generateKey('P-256')
  const certificate = parseCertificate(Buffer.from(CERTIFICATE, 'base64'))
  const stray = join(made.directory, 'keys', 'stray.pem')
  await keepIdentity(stray, { key, certificate }, 'another', fail)
  await expect(change(made, () => {})).rejects.toMatchObject({
    code: 'badConfiguration',
    detail: expect.stringContaining(stray),
  })
  await made.store.close()
  rmSync(stray)
  expect(await rightPassphrase(made.directory)).toBe(OLD)
})
