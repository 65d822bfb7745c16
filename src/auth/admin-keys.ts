import { rmSync } from 'node:fs'
import { writeNewFile } from '../durable-files.ts'
import { CaError } from '../errors.ts'
import type { AuditEntry, Role } from '../store/commands.ts'
import type { Store } from '../store/store.ts'
import { hashSecret, newSecret } from './secrets.ts'

/** Stands in principals ("admin:ops") and file names. */
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/

export interface AdminKeyWish {
  readonly name: string
  readonly role: Role
}

/** Shown once: the store keeps only the secret's hash. */
export interface NewAdminKey {
  readonly id: number
  readonly secret: string
}

/** Makes an admin key. "conflict" if the name is or was taken. */
export async function newAdminKey(wish: AdminKeyWish, audit: AuditEntry, store: Store): Promise<NewAdminKey> {
  checkName(wish.name)
  const secret = newSecret('adminKey')
  return { secret, ...(await record(wish, secret, audit, store)) }
}

/** At most so long may the secret of before a rotation go on to open the service. Seconds. */
export const LONGEST_GRACE = 30 * 86_400

/** Gives a key a new secret; the one of before opens the service for `grace` seconds more. */
export async function rotateAdminKey(
  { id, grace }: { id: number; grace: number },
  audit: AuditEntry,
  store: Store,
): Promise<NewAdminKey & { formerUntil: number | null }> {
  if (grace > LONGEST_GRACE) {
    throw new CaError('malformedRequest', 'The grace of the former secret is at most 30 days.')
  }
  const secret = newSecret('adminKey')
  const at = Math.floor(audit.at / 1000)
  const formerUntil = grace === 0 ? null : at + grace
  await store.write('rotateAdminKey', { id, hash: hashSecret(secret), at, formerUntil, audit })
  return { id, secret, formerUntil }
}

/**
 * Makes an admin key and puts it into a file of its own, mode 0600; nobody else ever sees it. "conflict" if the name or
 * the file is taken.
 */
export async function createAdminKey(
  { file, ...wish }: AdminKeyWish & { file: string },
  audit: AuditEntry,
  store: Store,
): Promise<void> {
  checkName(wish.name)
  const secret = newSecret('adminKey')
  try {
    writeNewFile(file, `${secret}\n`, 0o600)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    throw new CaError('conflict', `${file} exists already, and was left as it is. Choose another file.`, {
      cause,
    })
  }
  try {
    await record(wish, secret, audit, store)
  } catch (error) {
    // Whether or not a failed writer has recorded it: a key that its maker was told to be none must open nothing.
    rmSync(file, { force: true })
    throw error
  }
}

function checkName(name: string): void {
  if (NAME.test(name)) return
  throw new CaError(
    'badConfiguration',
    `"${name}" is no name for an admin key: use lower-case letters, digits and hyphens, at most 63.`,
  )
}

function record({ name, role }: AdminKeyWish, secret: string, audit: AuditEntry, store: Store) {
  const createdAt = Math.floor(audit.at / 1000)
  const hash = hashSecret(secret)
  return store.write('createAdminKey', { name, role, hash, createdAt, createdBy: audit.actor, audit })
}
