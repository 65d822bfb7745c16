import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CaError } from '../../errors.ts'

export const MANIFEST = 'manifest.json'
const FORMAT = 1

/** What stands in a backup's manifest.json. */
export interface Manifest {
  readonly format: typeof FORMAT
  /** When the copy of the database began: all that was committed until then is in it. Seconds since 1970. */
  readonly takenAt: number
  /** The schema of the database. */
  readonly schema: number
  readonly certificates: number
  readonly revocations: number
  /** Id of the newest row of the audit log. */
  readonly newestAudit: number
  readonly files: readonly BackedUpFile[]
}

export interface BackedUpFile {
  /** Relative to the data directory, with slashes. */
  readonly name: string
  /** Lower-case hexadecimal. */
  readonly sha256: string
}

/** No way out of the directory, and nothing hidden. */
const NAME = /^(?:(?:keys|root-offline)\/)?[A-Za-z0-9_][A-Za-z0-9_.-]*$/

/** Whether a file of this name, relative to the data directory, may be in a backup. */
export function mayBeBackedUp(name: string): boolean {
  return NAME.test(name)
}

export function manifestText(manifest: Omit<Manifest, 'format'>): string {
  return `${JSON.stringify({ format: FORMAT, ...manifest }, null, 2)}\n`
}

/** Throws `CaError` "badConfiguration" where there is none, or one that is torn. */
export function readManifest(backup: string): Manifest {
  const file = join(backup, MANIFEST)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    const { message } = cause as Error
    throw new CaError('badConfiguration', `${backup} is no backup of "chancery backup": ${message}.`, {
      cause,
    })
  }
  const manifest = parsed(text)
  if (!manifest) {
    throw new CaError(
      'badConfiguration',
      `${file} is torn, changed or of another Chancery. Take another backup.`,
    )
  }
  return manifest
}

function parsed(text: string): Manifest | null {
  let value: Partial<Manifest> | null
  try {
    value = JSON.parse(text) as Partial<Manifest> | null
  } catch {
    return null
  }
  if (value?.format !== FORMAT || !Array.isArray(value.files)) return null
  const counts = [value.takenAt, value.schema, value.certificates, value.revocations, value.newestAudit]
  const files: readonly Partial<BackedUpFile>[] = value.files
  const isSound =
    counts.every((count) => Number.isSafeInteger(count) && count! >= 0) &&
    files.every(({ name, sha256 }) => NAME.test(String(name)) && /^[0-9a-f]{64}$/.test(String(sha256)))
  return isSound ? (value as Manifest) : null
}
