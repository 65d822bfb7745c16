import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { getCACertificates } from 'node:tls'
import { AddressRules } from '../acme/validation/addresses.ts'
import { NameResolver } from '../acme/validation/name-resolver.ts'
import { epochSeconds } from '../clock.ts'
import type { Config } from '../config/config.ts'
import { readSecretFile } from '../config/secret-file.ts'
import { webhookName } from '../config/webhook-rules.ts'
import { CaError } from '../errors.ts'
import type { FaultLog, HealthCheck } from '../health.ts'
import { type Tally, tally } from '../metrics/labelled.ts'
import { Sweeper } from '../store/sweeper.ts'
import { ComingEnds, type ComingEndsContext } from './coming-ends.ts'
import { Delivery } from './delivery.ts'
import { Poster } from './post.ts'
import { parseSecrets } from './signature.ts'

/** Between two looks at what is due. Milliseconds. */
const LOOK = 1000

export interface WebhooksContext extends Omit<ComingEndsContext, 'notices' | 'wanted'> {
  readonly config: Config
  readonly log: FaultLog
}

/** Everything that tells webhooks of what the store has for them. */
export interface Webhooks {
  /** Attempts by webhook and result: "delivered", "failed", "given_up". */
  readonly results: Tally
  start(): void
  health(): HealthCheck[]
  /** To be stopped before the store is closed. */
  stop(): Promise<void>
}

/** Reads the files of secrets and roots. Throws `CaError` "badConfiguration" where one cannot be used. */
export function openWebhooks({ config, log, ...context }: WebhooksContext): Webhooks {
  const { store, clock } = context
  const { notices, webhooks, dir } = config
  const results = tally('webhook', 'result')
  const reach = { resolver: new NameResolver(), networks: new AddressRules() }
  const deliveries = webhooks.map((webhook) => {
    const name = webhookName(webhook)
    const url = new URL(webhook.url)
    for (const result of ['delivered', 'failed', 'given_up']) results.of(name, result)
    return new Delivery({
      ...{ name, store, clock, log, results, retryFor: notices.retryFor },
      poster: new Poster({ ...reach, url, ca: rootsOf(webhook.caFile, dir, name) }),
      secrets: secretsOf(resolve(dir, webhook.secretFile), name),
    })
  })
  const wanted = new Set(webhooks.flatMap(({ events }) => events))
  const ends = new ComingEnds({ ...context, notices, wanted })
  const sweeper = new Sweeper(
    async (limit) => {
      const now = epochSeconds(clock())
      const createdBefore = (now - notices.retryFor) * 1000
      const { givenUp, more } = await store.write('sweepNotices', { createdBefore, now, limit })
      for (const { webhook, count } of givenUp) {
        results.of(webhook, 'given_up').count += count
        log.error({ webhook, notices: count }, 'Notices could not be delivered in time, and are given up')
      }
      return { more }
    },
    (error) => log.error({ err: error }, 'Old notices could not be removed, which will be tried again'),
  )
  const look = () => {
    for (const delivery of deliveries) void delivery.look()
    ends.look().catch((error: unknown) => log.error({ err: error }, 'What ends soon could not be looked for'))
  }
  let timer: NodeJS.Timeout | undefined
  return {
    results,
    start() {
      timer = setInterval(look, LOOK).unref()
      sweeper.start()
      look()
    },
    health: () => deliveries.map((delivery) => delivery.health()),
    async stop() {
      clearInterval(timer)
      sweeper.stop()
      await Promise.all([ends.stop(), ...deliveries.map((delivery) => delivery.stop())])
    },
  }
}

function secretsOf(file: string, name: string): Buffer[] {
  const what = `The secret file of webhook "${name}"`
  return parseSecrets(readSecretFile(file, what, { groupMayRead: true }), what)
}

/** PEM. Without a file those that the system trusts; where it has none, those that come with Node. */
function rootsOf(file: string | undefined, dir: string, name: string): readonly string[] | undefined {
  if (file === undefined) {
    const system = getCACertificates('system')
    return system.length > 0 ? [...system, ...getCACertificates('extra')] : undefined
  }
  try {
    return [readFileSync(resolve(dir, file), 'utf8')]
  } catch (cause) {
    throw new CaError(
      'badConfiguration',
      `The roots of webhook "${name}" cannot be read: ${(cause as Error).message}.`,
      { cause },
    )
  }
}
