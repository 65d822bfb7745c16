import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Environment } from '../../config/environment.ts'
import { CaError } from '../../errors.ts'
import { LOOKS_AFTER_RELOAD, requireNamed } from '../../haproxy/named.ts'
import { HaproxyRuntime } from '../../haproxy/runtime.ts'
import type { CertificateConfig, NotificationConfig } from '../config.ts'
import { type Material, partDigests } from '../material.ts'
import type { Part } from '../schema.ts'
import type { CertificateState } from '../state.ts'
import { ConsumerAway } from './away.ts'
import { runCommand } from './command.ts'
import { namedFiles, pushToHaproxy } from './haproxy.ts'
import { sendSignal } from './signal.ts'

export interface NotifyContext {
  readonly config: CertificateConfig
  readonly state: Pick<CertificateState, 'facts' | 'remember'>
  /** Of the commands. */
  readonly childEnvironment: Environment
}

/** Consumers that have not been told of everything that is in the files, and of what not. */
export interface Outstanding {
  readonly entry: NotificationConfig
  readonly changed: ReadonlySet<Part>
}

export function outstanding(material: Material, { config, state }: NotifyContext): Outstanding[] {
  const digests = partDigests(material, config.files)
  return config.notify.flatMap((entry) => {
    const told = state.facts.notified?.[keyOf(entry)] ?? {}
    const changed = entry.on.filter((part) => digests[part] !== undefined && digests[part] !== told[part])
    return changed.length === 0 ? [] : [{ entry, changed: new Set(changed) }]
  })
}

/**
 * Tells one consumer, and remembers that it was told: after a crash in between it is told again. Throws an `Error` that says what
 * failed.
 */
export async function tell(
  { entry, changed }: Outstanding,
  material: Material,
  context: NotifyContext,
): Promise<void> {
  const { config, state } = context
  const environment = {
    ...context.childEnvironment,
    CHANCERY_CERTIFICATE: config.id,
    CHANCERY_CHANGED: [...changed].join(' '),
    CHANCERY_DIRECTORY: config.directory,
  }
  const { timeout } = entry
  if (entry.command) await runCommand(entry.command, { timeout, environment })
  else if (entry.signal) await sendSignal(entry, environment)
  else {
    const reason = await pushToHaproxy(entry, changed, material, config).catch(whereAway)
    if (reason !== null) {
      if (!entry.reload) throw new Error(`HAProxy must be reloaded. ${reason}`)
      const digests = partDigests(material, config.files)
      const wasReloaded = isDeepStrictEqual(state.facts.reloaded?.[keyOf(entry)], digests)
      if (!wasReloaded) {
        await runCommand(entry.reload, { timeout, environment })
        state.remember({ reloaded: withEntry(state.facts.reloaded, entry, digests, config) })
      }
      const looks = wasReloaded ? 1 : LOOKS_AFTER_RELOAD
      await requireNamed(new HaproxyRuntime(entry.haproxy!), namedFiles(entry, changed, config), looks)
    }
  }
  const digests = partDigests(material, config.files)
  state.remember({ notified: withEntry(state.facts.notified, entry, digests, config) })
}

type Told = NonNullable<CertificateState['facts']['notified']>

/** What is kept of each consumer, with that of this one; nothing of those that are configured no more. */
function withEntry(
  before: Told | undefined,
  entry: NotificationConfig,
  digests: Told[string],
  { notify }: CertificateConfig,
): Told {
  const known = new Set(notify.map(keyOf))
  const all = { ...before, [keyOf(entry)]: digests }
  return Object.fromEntries(Object.entries(all).filter(([key]) => known.has(key)))
}

/** Changed options are another consumer, which has been told of nothing. */
function keyOf(entry: NotificationConfig): string {
  return createHash('sha256').update(JSON.stringify(entry)).digest('hex').slice(0, 16)
}

/** For logs. */
export function describe({ command, signal, pidFile, unit, haproxy }: NotificationConfig): string {
  if (command) return `command ${command[0]}`
  return signal ? `SIG${signal} to ${unit ?? pidFile}` : `HAProxy at ${haproxy}`
}

function whereAway(error: unknown): never {
  if (error instanceof CaError && error.code === 'notFound') throw new ConsumerAway(error.detail, error)
  throw error
}
