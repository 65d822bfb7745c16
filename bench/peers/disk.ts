import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Bytes that the files of a folder take on the disk: blocks, since badger's files have holes. */
export async function diskUse(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const blocks = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).blocks),
  )
  return blocks.reduce((sum, each) => sum + each, 0) * 512
}
