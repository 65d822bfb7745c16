import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Environment } from '../config/environment.ts'
import { readSecretFile } from '../config/secret-file.ts'
import type { CertificateConfig } from './config.ts'

/**
 * The enrolment token, read anew each time, since somebody may have put a new one there; null where there is none. Kubernetes and
 * systemd let a group read what they hand over; others may never.
 */
export function readToken(source: CertificateConfig['token'], environment: Environment): string | null {
  const { file, environment: variable, credential } = source
  if (variable !== undefined) return environment[variable]?.trim() || null
  const place = file ?? credentialFile(credential, environment)
  if (place === null || !existsSync(place)) return null
  return readSecretFile(place, 'The token file', { groupMayRead: true }).trim()
}

function credentialFile(name: string | undefined, environment: Environment): string | null {
  const directory = environment.CREDENTIALS_DIRECTORY
  return name !== undefined && directory ? join(directory, name) : null
}
