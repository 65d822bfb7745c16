import { existsSync } from 'node:fs'
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dataFiles } from '../../config/data-directory.ts'
import { keepOwner, makePrivateDirectory, syncDirectory, writeNewFile } from '../../durable-files.ts'
import { CaError } from '../../errors.ts'
import { decryptPkcs8, encryptPkcs8 } from '../../pki/keys/pkcs8.ts'
import type { AuditEntry } from '../../store/commands.ts'
import type { Store } from '../../store/store.ts'
import { checkKeyFileMode } from '../key-file.ts'

/** Beside the key files, so that a rename moves what is in it to its place. */
const STAGING = '.rekeying'
/** Written into it last of all: from then on the new passphrase is the right one, whatever comes in between. */
const COMPLETE = 'complete'
const SEALED = 'sealed.json'
const PASSPHRASE = 'passphrase'

export interface PassphraseChange {
  readonly directory: string
  /** Open: so no service runs. */
  readonly store: Store
  readonly old: string
  readonly next: string
  /** Whether the data directory keeps the passphrase in its file `passphrase`, which is then changed as well. */
  readonly isKept: boolean
  /** Opens a secret of the database with the old passphrase, and seals it with the new one; null where that does not open it. */
  readonly reseal: (sealed: Buffer) => Promise<Buffer | null>
  readonly audit: AuditEntry
  /** For tests: hears before each step that another may be the last. */
  readonly step?: () => void
}

/**
 * Encrypts every key file, and each secret in the database, under another passphrase. Whenever it is interrupted, the old passphrase
 * opens all, or the new one does once `settlePassphrase` has run, which every start does. The names of the files that were changed.
 * Throws `CaError` "badConfiguration" where a file does not open; then nothing has changed. "storeFailed": the new passphrase is the right one.
 */
export async function changePassphrase(change: PassphraseChange): Promise<readonly string[]> {
  const { directory, store, old, next, isKept, reseal, audit, step = () => {} } = change
  const keys = join(directory, 'keys')
  const staging = join(keys, STAGING)
  await rm(staging, { recursive: true, force: true })
  makePrivateDirectory(staging)
  keepOwner(keys, staging)
  // Whoever completes it is the service, if this is interrupted.
  const stage = (name: string, content: string) => {
    writeNewFile(join(staging, name), content, 0o600)
    keepOwner(keys, join(staging, name))
  }
  const names = (await readdir(keys)).filter((name) => name.endsWith('.pem')).sort()
  for (const name of names) {
    step()
    stage(name, await encryptedAnew(join(keys, name), old, next))
    keepOwner(join(keys, name), join(staging, name))
  }
  step()
  const sealed = await resealed(store, reseal)
  stage(SEALED, JSON.stringify({ sealed, audit }))
  if (isKept) stage(PASSPHRASE, `${next}\n`)
  step()
  stage(COMPLETE, '')
  try {
    await finish(directory, store, step)
  } catch (cause) {
    throw unfinished(cause)
  }
  return names
}

/** Whoever heard of a full disk alone, and that nothing was recorded, would go on with the old passphrase. */
function unfinished(cause: unknown): CaError {
  // That of the writer's thread has the lines of its stack below.
  const [message] = (((cause as Error).cause ?? cause) as Error).message.split('\n', 1)
  return new CaError(
    'storeFailed',
    `The new passphrase is the right one from now on, but the change to it is not complete: ${message}. Once that is mended the next start completes it; where the service has its passphrase from elsewhere, give it the new one first.`,
    { cause },
  )
}

/** Whether a change was interrupted after it had been decided: `settlePassphrase` completes it. */
export function isPassphraseChanging(directory: string): boolean {
  return existsSync(join(directory, 'keys', STAGING, COMPLETE))
}

/** Whether anything is left of a change, decided or not. */
export function isPassphraseStaged(directory: string): boolean {
  return existsSync(join(directory, 'keys', STAGING))
}

/** Completes an interrupted change, or clears what is left of one that was not decided: the new passphrase is beside its keys there. */
export async function settlePassphrase(directory: string, store: Store): Promise<void> {
  if (isPassphraseChanging(directory)) return finish(directory, store, () => {})
  await rm(join(directory, 'keys', STAGING), { recursive: true, force: true })
}

/** Can be interrupted anywhere and begun again: what was moved is no longer in staging. */
async function finish(directory: string, store: Store, step: () => void): Promise<void> {
  const keys = join(directory, 'keys')
  const staging = join(keys, STAGING)
  for (const name of (await readdir(staging)).filter((one) => one.endsWith('.pem'))) {
    step()
    await rename(join(staging, name), join(keys, name))
  }
  syncDirectory(keys)
  if (existsSync(join(staging, PASSPHRASE))) {
    step()
    const { passphrase: file } = dataFiles(directory)
    await writeFile(`${file}.new`, await readFile(join(staging, PASSPHRASE)), { mode: 0o600, flush: true })
    keepOwner(existsSync(file) ? file : directory, `${file}.new`)
    await rename(`${file}.new`, file)
    syncDirectory(directory)
  }
  step()
  const { sealed, audit } = JSON.parse(await readFile(join(staging, SEALED), 'utf8')) as {
    sealed: { kid: string; sealed: string }[]
    audit: AuditEntry
  }
  const keysSealed = sealed.map((one) => ({ kid: one.kid, sealed: Buffer.from(one.sealed, 'base64') }))
  await store.write('resealExternalKeys', { keys: keysSealed, audit })
  step()
  await rm(join(staging, COMPLETE))
  syncDirectory(staging)
  await rm(staging, { recursive: true, force: true })
}

/** What follows the key in its file, such as the certificate for it, stays. */
async function encryptedAnew(file: string, old: string, next: string): Promise<string> {
  await checkKeyFileMode(file)
  const text = await readFile(file, 'utf8')
  const end = '-----END ENCRYPTED PRIVATE KEY-----\n'
  const at = text.indexOf(end) + end.length
  if (at < end.length)
    throw new CaError('badConfiguration', `${file} holds no encrypted key. Move it away, then try again.`)
  const key = await opened(file, text.slice(0, at), old)
  const pem = await encryptPkcs8(key, next)
  if (!(await decryptPkcs8(pem, next)).equals(key))
    throw new CaError('internal', `The key of ${file} did not read back as it was.`)
  return pem + text.slice(at)
}

async function opened(file: string, pem: string, passphrase: string) {
  try {
    return await decryptPkcs8(pem, passphrase)
  } catch (cause) {
    if (!(cause instanceof CaError)) throw cause
    throw new CaError(cause.code, `${file}: ${cause.detail} Nothing was changed.`, { cause })
  }
}

async function resealed(store: Store, reseal: PassphraseChange['reseal']) {
  const all: { kid: string; sealed: string }[] = []
  let after: string | null = null
  do {
    const page: Awaited<ReturnType<typeof store.read.listExternalKeys>> = await store.read.listExternalKeys({
      limit: 500,
      ...(after === null ? {} : { after }),
    })
    for (const { kid, sealed } of page.rows) {
      const anew = await reseal(sealed)
      if (anew) all.push({ kid, sealed: anew.toString('base64') })
    }
    after = page.next
  } while (after !== null)
  return all
}
