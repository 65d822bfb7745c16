import { readFileSync } from 'node:fs'
import { faults } from '../config/check.ts'
import { deepFreeze, type Frozen } from '../config/freeze.ts'
import { parseYaml } from '../config/yaml.ts'
import { CaError } from '../errors.ts'
import { HaproxyRuntime } from '../haproxy/runtime.ts'
import { detectName } from '../pki/names/normalise.ts'
import { distinctNames, nameText, type SubjectName } from '../pki/names/san.ts'
import { decode, isMap } from '../schema/value.ts'
import { AgentOptions, CertificateOptions, type NotificationOptions } from './schema.ts'

export type NotificationConfig = Frozen<NotificationOptions>
/** One certificate, checked. `names` normalised, `mode` a number; durations in seconds. */
export type CertificateConfig = Frozen<
  Omit<CertificateOptions, 'names' | 'mode'> & { id: string; names: SubjectName[]; mode: number }
>
export type AgentConfig = Frozen<Omit<AgentOptions, 'certificates'>> & {
  readonly certificates: readonly CertificateConfig[]
}

/** What a certificate gets where nobody says which files. */
const DEFAULT_FILES = { key: 'key.pem', fullchain: 'cert.pem', roots: 'root.pem' }

/** Reads `agent.yaml`. Throws `CaError` "badConfiguration" with every fault found. */
export function loadAgentConfig(file: string): AgentConfig {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new CaError('badConfiguration', `${file} cannot be read: ${(error as Error).message}.`, {
      cause: error,
    })
  }
  return buildAgentConfig(parseYaml(text, file))
}

export function buildAgentConfig(given: unknown): AgentConfig {
  const raw = given ?? {}
  refuse(faults(AgentOptions, raw, ''))
  refuse(missing(raw as Record<string, unknown>))
  const options = raw as { certificates: Record<string, object> }
  // What stands under names is completed one by one: defaults do not reach into a map.
  const certificates = Object.fromEntries(
    Object.entries(options.certificates).map(([id, one]) => [
      id,
      decode(CertificateOptions, { files: DEFAULT_FILES, ...one }),
    ]),
  )
  const { certificates: _, ...rest } = decode(AgentOptions, { ...options, certificates: {} })
  refuse(rest.trust.file && rest.trust.fingerprint ? ['Give trust.file or trust.fingerprint, not both.'] : [])
  refuse(Object.entries(certificates).flatMap(([id, one]) => contradictions(`certificates.${id}`, one)))
  refuse(sharedDirectories(certificates))
  return deepFreeze({
    ...rest,
    certificates: Object.entries(certificates).map(([id, { names, mode, ...one }]) => ({
      ...one,
      id,
      names: distinctNames(names.map(detectName)),
      mode: mode === undefined ? (one.group === undefined ? 0o600 : 0o640) : Number.parseInt(mode, 8),
    })),
  }) as AgentConfig
}

function missing(options: Record<string, unknown>): string[] {
  const found: string[] = []
  const { services, trust, certificates } = options
  if (!services)
    found.push('services is missing: say where the CA is, such as ["https://ca.example.test:8443"].')
  if (!isMap(trust) || !(trust.file || trust.fingerprint))
    found.push('trust is missing: give trust.file, or trust.fingerprint with the SHA-256 that the CA prints.')
  if (!isMap(certificates) || Object.keys(certificates).length === 0)
    return [...found, 'certificates is missing: name at least one.']
  for (const [id, one] of Object.entries(certificates)) {
    if (!isMap(one)) continue
    for (const key of ['names', 'directory'])
      if (!one[key]) found.push(`certificates.${id}.${key} is missing.`)
  }
  return found
}

function contradictions(path: string, one: CertificateOptions): string[] {
  const found: string[] = []
  for (const name of one.names) {
    try {
      detectName(name)
    } catch (error) {
      if (!(error instanceof CaError)) throw error
      found.push(`${path}.names: ${error.detail}`)
    }
  }
  const { commonName } = one
  if (commonName !== undefined && !one.names.includes(commonName))
    found.push(`${path}.commonName must be one of the names, and is "${commonName}".`)
  if (Object.keys(one.token).length > 1)
    found.push(`${path}.token: give file, environment or credential, only one of them.`)
  const files = Object.values(one.files)
  if (files.length === 0) found.push(`${path}.files must name at least one file.`)
  for (const file of new Set(files))
    if (files.indexOf(file) !== files.lastIndexOf(file)) found.push(`${path}.files has "${file}" twice.`)
  if (one.files.envoyCertificate && !one.files.key)
    found.push(`${path}.files.envoyCertificate needs files.key: the secret names the key’s place.`)
  one.notify.forEach((entry, index) => {
    found.push(...notificationFaults(`${path}.notify[${index}]`, entry, one))
  })
  return found
}

function notificationFaults(path: string, entry: NotificationOptions, one: CertificateOptions): string[] {
  const { command, signal, haproxy, pidFile, unit } = entry
  if ([command, signal, haproxy].filter((way) => way !== undefined).length !== 1)
    return [`${path} must have one of command, signal and haproxy.`]
  if (signal !== undefined && (pidFile === undefined) === (unit === undefined))
    return [`${path} must say with pidFile or unit who gets the signal.`]
  if (haproxy !== undefined) {
    try {
      new HaproxyRuntime(haproxy)
    } catch (error) {
      if (!(error instanceof CaError)) throw error
      return [`${path}.haproxy: ${error.detail}`]
    }
    if (!one.files.combined && !one.files.crls && !one.files.roots)
      return [`${path} has nothing to bring to HAProxy: name files.combined, files.crls or files.roots.`]
  }
  return []
}

/** Two would take each other’s files away. */
function sharedDirectories(certificates: AgentOptions['certificates']): string[] {
  const seen = new Map<string, string>()
  return Object.entries(certificates).flatMap(([id, { directory }]) => {
    const place = directory.replace(/\/+$/, '')
    const other = seen.get(place)
    seen.set(place, id)
    return other === undefined
      ? []
      : [`certificates.${id}.directory is that of "${other}" too: each needs its own.`]
  })
}

/** For messages and comparisons. */
export function namesText(names: readonly SubjectName[]): string {
  return names.map(nameText).sort().join(', ')
}

function refuse(found: readonly string[]): void {
  if (found.length > 0) throw new CaError('badConfiguration', found.join(' '))
}
