import { dataFiles } from '../../config/data-directory.ts'
import { openStore } from '../../store/open.ts'
import { isPassphraseStaged, settlePassphrase } from './change-passphrase.ts'
import { areKeysMoving, settleMove } from './move-keys.ts'

/** Completes a change of the passphrase, or a move of the keys, that was interrupted. To be called before the passphrase is read. */
export async function settleKeys(directory: string): Promise<void> {
  if (!areKeysMoving(directory) && !isPassphraseStaged(directory)) return
  // It holds the lock: nobody else is at it.
  const store = await openStore({ file: dataFiles(directory).database })
  try {
    if (areKeysMoving(directory)) await settleMove(directory)
    if (isPassphraseStaged(directory)) await settlePassphrase(directory, store)
  } finally {
    await store.close()
  }
}
