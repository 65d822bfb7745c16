import { resolve } from 'node:path'
import type { OpenIdSignIn } from './auth/openid.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config/config.ts'
import { readSecretFile } from './config/secret-file.ts'
import { webhookName } from './config/webhook-rules.ts'
import type { FaultLog } from './health.ts'
import type { NoticeSettings } from './store/notice-commands.ts'
import type { Store } from './store/store.ts'
import type { Tracer } from './telemetry/exporter.ts'
import type { openWebhooks, Webhooks } from './webhooks/webhooks.ts'

/** What the store leaves word of, and for whom. */
export function noticeSettings({ webhooks, notices }: Config): NoticeSettings {
  return {
    webhooks: webhooks.map((webhook) => ({ name: webhookName(webhook), events: [...webhook.events] })),
    most: notices.queue,
  }
}

/** Notices for webhooks that are configured no more are dropped. */
export async function keepWebhooks(store: Store, config: Config, log: FaultLog): Promise<void> {
  const names = config.webhooks.map(webhookName)
  if (names.length === 0 && (await store.read.webhookCounts()).length === 0) return
  const { forgotten } = await store.write('useWebhooks', { names })
  if (forgotten > 0)
    log.warn({ notices: forgotten }, 'Notices for webhooks that are configured no more were dropped')
}

/** Loaded where they are configured: with the parts that call out. */
export async function webhooksOf(context: Parameters<typeof openWebhooks>[0]): Promise<Webhooks | null> {
  if (context.config.webhooks.length === 0) return null
  return (await import('./webhooks/webhooks.ts')).openWebhooks(context)
}

/** Loaded where it is configured: most go without. */
export async function openIdOf({ oidc: options, dir }: Config, clock: Clock): Promise<OpenIdSignIn | null> {
  if (!options) return null
  const { openIdSignIn } = await import('./oidc/sign-in.ts')
  const file = options.clientSecretFile
  const clientSecret =
    file === undefined ? null : readSecretFile(resolve(dir, file), 'The secret of the OpenID client')
  return openIdSignIn({ options, clientSecret, clock })
}

/** Null where nothing is traced. Ends with its `stop`. */
export async function tracerOf({
  config,
  clock,
  log,
}: {
  readonly config: Config
  readonly clock: Clock
  readonly log: FaultLog
}): Promise<Tracer | null> {
  const { endpoint, headersFile } = config.tracing
  if (endpoint === undefined) return null
  const [{ Tracer }, { parseHeaders }] = await Promise.all([
    import('./telemetry/exporter.ts'),
    import('./telemetry/headers.ts'),
  ])
  const what = 'The file of headers for traces'
  const file = headersFile === undefined ? null : resolve(config.dir, headersFile)
  const headers = file === null ? {} : parseHeaders(readSecretFile(file, what, { groupMayRead: true }))
  return new Tracer({ clock, log, headers, tracing: { ...config.tracing, endpoint } })
}
