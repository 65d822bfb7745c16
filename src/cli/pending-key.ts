import { createPrivateKey, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { KeyType } from '../pki/keys/algorithms.ts'
import { keyTypeOf } from '../pki/keys/public-key.ts'
import { writeFiles } from '../write-files.ts'
import type { EnrolmentFiles } from './enrolment.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'

/** The new key of a request that waits for approval: the same command finds it again. It becomes key.pem with its certificate. */
export function pendingKeyFile(files: EnrolmentFiles): string {
  return join(dirname(files.key), 'pending-key.pem')
}

/** The key of a request that waits, if there is one; a `Failure` where it is of another type than is asked for. */
export function pendingKey(files: EnrolmentFiles, type: KeyType): KeyObject | null {
  const file = pendingKeyFile(files)
  if (!existsSync(file)) return null
  const key = createPrivateKey(readFileSync(file, 'utf8'))
  const kept = keyTypeOf(key)
  if (kept === type) return key
  throw new Failure(
    EXIT.usage,
    `${file} holds the ${kept} key of a request that waits for approval. Remove it to begin anew with ${type}.`,
  )
}

export function keepPendingKey(files: EnrolmentFiles, key: KeyObject): void {
  const content = key.export({ type: 'pkcs8', format: 'pem' }) as string
  writeFiles([{ path: pendingKeyFile(files), content, mode: 0o600 }])
}

export function dropPendingKey(files: EnrolmentFiles): void {
  rmSync(pendingKeyFile(files), { force: true })
}
