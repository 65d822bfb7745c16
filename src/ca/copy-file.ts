import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Copies a file to a new name and syncs it. Gives the SHA-256 of the bytes that were copied, in hexadecimal. */
export async function copyFileSynced(source: string, target: string, mode: number): Promise<string> {
  const hash = createHash('sha256')
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      done(null, chunk)
    },
  })
  await pipeline(
    createReadStream(source),
    hashing,
    createWriteStream(target, { flags: 'wx', mode, flush: true }),
  )
  return hash.digest('hex')
}

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}
