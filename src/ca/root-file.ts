import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from '../durable-files.ts'
import { decodePem, encodePem } from '../pki/pem.ts'
import type { Authorities } from './authorities.ts'

/**
 * Keeps `root.pem` of the data directory, by which commands on this machine prove the service, to the roots in the bundles: adds what
 * came, takes out what retired. A file that somebody has moved away is not made anew, and what else stands in it stays.
 */
export async function keepRootFile(file: string, authorities: Authorities): Promise<void> {
  if (!existsSync(file)) return
  const there = decodePem(await readFile(file, 'utf8'), 'root file').map(({ der }) => der)
  const current = authorities.roots()
  const gone = authorities
    .all()
    .filter(({ role, state }) => role === 'root' && state === 'retired')
    .map(({ certificate }) => certificate.der)
  const holds = (list: readonly Buffer[], der: Buffer) => list.some((one) => one.equals(der))
  const kept = there.filter((der) => !holds(gone, der))
  const missing = current.filter((der) => !holds(kept, der))
  if (missing.length === 0 && kept.length === there.length) return
  const text = [...kept, ...missing].map((der) => encodePem('CERTIFICATE', der)).join('')
  // A name of its own: two changes at once must not write into one file.
  const temporary = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(temporary, text, { mode: 0o644, flush: true })
  await rename(temporary, file)
  syncDirectory(dirname(file))
}
