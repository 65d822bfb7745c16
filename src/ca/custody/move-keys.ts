import { existsSync, lstatSync, readFileSync } from 'node:fs'
import { readdir, readlink, realpath, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { keepOwner, makePrivateDirectory, syncDirectory } from '../../durable-files.ts'
import { CaError } from '../../errors.ts'
import { copyFileSynced } from '../copy-file.ts'

/** A link to the new place, before it is `keys`; and what was `keys` until then. */
const NEXT = 'keys.next'
const FORMER = 'keys.former'

/**
 * Moves every key file to another directory, such as an encrypted or a removable disk; `keys` in the data directory becomes a link to
 * it. To be called while no service runs. Whenever it is interrupted, the keys are in the old place or in the new one, whole, once
 * `settleMove` has run, which every start does; the same move again takes over what it left before that. `record` is called when all has
 * its room and nothing was moved: where it fails, nothing is. Throws `CaError` "conflict" where something is there already, "storeFailed"
 * with where the keys are then.
 */
export async function moveKeys(
  directory: string,
  to: string,
  record: () => Promise<unknown>,
  step: () => void = () => {},
): Promise<readonly string[]> {
  const target = resolve(to)
  const keys = join(directory, 'keys')
  const [from, there] = [await realpath(keys), await realPlace(target)]
  if (there === from) throw new CaError('conflict', `The keys are in ${target} already.`)
  const isNew = !existsSync(target)
  const left = isNew ? [] : await readdir(target)
  if (!left.every((name) => isCopy(join(target, name), join(keys, name))))
    throw new CaError('conflict', `${target} is not empty. Name a new directory, or an empty one.`)
  // What the keys leave goes away at the end, with all that is in it.
  if (`${there}${sep}`.startsWith(`${from}${sep}`))
    throw new CaError(
      'conflict',
      `${target} is within the place that the keys are to leave. Name another one.`,
    )
  for (const name of left) await rm(join(target, name))
  const names = (await readdir(keys)).filter((name) => name.endsWith('.pem')).sort()
  try {
    await copyKeys(keys, target, names, step)
    await rm(join(directory, NEXT), { force: true })
    await symlink(target, join(directory, NEXT))
    syncDirectory(directory)
    step()
    await record()
  } catch (cause) {
    await rm(join(directory, NEXT), { force: true })
    // Before the copies go: what the next start finds must not lead to where none are.
    syncDirectory(directory)
    // The next try would find a place that is not empty.
    for (const name of names) await rm(join(target, name), { force: true })
    if (isNew) await rm(target, { recursive: true, force: true })
    throw new CaError(
      'storeFailed',
      `${reasonOf(cause)} The keys were not moved: they are where they were.`,
      {
        cause,
      },
    )
  }
  try {
    await settleMove(directory, step)
  } catch (cause) {
    throw new CaError(
      'storeFailed',
      `The keys are to be in ${target} from now on, but the move is not complete: ${reasonOf(cause)} Once that is mended the next start completes it.`,
      { cause },
    )
  }
  return names
}

function reasonOf(error: unknown): string {
  return error instanceof CaError ? error.detail : `${(error as Error).message}.`
}

async function copyKeys(
  keys: string,
  target: string,
  names: readonly string[],
  step: () => void,
): Promise<void> {
  if (!existsSync(target)) {
    makePrivateDirectory(target)
    keepOwner(keys, target)
  }
  for (const name of names) {
    step()
    await copyFileSynced(join(keys, name), join(target, name), 0o600)
    keepOwner(join(keys, name), join(target, name))
  }
  syncDirectory(target)
  step()
}

/** Whether a move was interrupted after all had been copied. */
export function areKeysMoving(directory: string): boolean {
  return isThere(join(directory, NEXT)) || isThere(join(directory, FORMER))
}

/** Completes an interrupted move. Can be interrupted anywhere and begun again. */
export async function settleMove(directory: string, step: () => void = () => {}): Promise<void> {
  const [keys, next, former] = ['keys', NEXT, FORMER].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ]
  if (isThere(next)) {
    if (isThere(keys) && !isThere(former)) await rename(keys, former)
    step()
    await rename(next, keys)
    syncDirectory(directory)
    step()
  }
  if (!isThere(former)) return
  const old = await realpath(former)
  const names = (await readdir(old)).filter((name) => name.endsWith('.pem'))
  const missing = names.find((name) => !existsSync(join(keys, name)))
  // The disk with the new place may not be there at this start, and these are the last copies then.
  if (missing !== undefined) {
    throw new CaError(
      'badConfiguration',
      `The keys were being moved to ${await readlink(keys)}, and ${missing} is not there. Mount it, then start again.`,
    )
  }
  for (const name of names) await rm(join(old, name))
  step()
  syncDirectory(old)
  await rm(former, { recursive: true })
  syncDirectory(dirname(former))
}

/** Of a key that is still in its place, whole or begun: what a move leaves that was interrupted before the link, or by a full disk. */
function isCopy(file: string, key: string): boolean {
  if (!isThere(key) || !lstatSync(file).isFile()) return false
  const content = readFileSync(file)
  return readFileSync(key).subarray(0, content.length).equals(content)
}

/** Without links, also where it is not there yet. */
async function realPlace(path: string): Promise<string> {
  return existsSync(path) ? realpath(path) : join(await realPlace(dirname(path)), basename(path))
}

/** A link that leads nowhere is there as well. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}
