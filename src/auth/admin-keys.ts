import { rmSync } from 'node:fs'
import { writeNewFile } from '../durable-files.ts'
import { CaError } from '../errors.ts'
import type { AuditEntry } from '../store/commands.ts'
import type { Store } from '../store/store.ts'
import { hashSecret, newSecret } from './secrets.ts'

/** Stands in principals ("admin:ops") and file names. */
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/

/**
 * Makes an admin key and puts it into a file of its own, mode 0600; nobody else ever sees it. "conflict" if the name or
 * the file is taken.
 */
export async function createAdminKey(
  { name, file }: { name: string; file: string },
  audit: AuditEntry,
  store: Store,
): Promise<void> {
  if (!NAME.test(name)) {
    throw new CaError(
      'badConfiguration',
      `"${name}" is no name for an admin key: use lower-case letters, digits and hyphens, at most 63.`,
    )
  }
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
    const createdAt = Math.floor(audit.at / 1000)
    await store.write('createAdminKey', { name, hash: hashSecret(secret), createdAt, audit })
  } catch (error) {
    // Whether or not a failed writer has recorded it: a key that its maker was told to be none must open nothing.
    rmSync(file, { force: true })
    throw error
  }
}
