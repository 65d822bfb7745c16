import type { Registry } from 'prom-client'
import { counter, gauge } from '../../metrics/exposition.ts'
import { samplesOf } from '../../metrics/labelled.ts'
import type { Service } from '../../service.ts'

/** Notices to webhooks, where there are any. */
export function describeWebhooks(registry: Registry, { webhooks, store }: Service): void {
  if (!webhooks) return
  counter(
    registry,
    {
      name: 'chancery_webhook_notices_total',
      help: 'Notices to webhooks, by webhook and result; failed attempts are tried again.',
      labels: ['webhook', 'result'],
    },
    () => samplesOf(webhooks.results),
  )
  const ofStore = (figure: 'waiting' | 'dropped') => async () =>
    (await store.read.webhookCounts()).map((counts) => ({
      labels: { webhook: counts.webhook },
      value: counts[figure],
    }))
  counter(
    registry,
    {
      name: 'chancery_webhook_notices_dropped_total',
      help: 'Notices that found no room, since too many waited for the webhook; from the database, so it survives a restart.',
      labels: ['webhook'],
    },
    ofStore('dropped'),
  )
  gauge(
    registry,
    {
      name: 'chancery_webhook_notices_waiting',
      help: 'Notices that wait to be delivered.',
      labels: ['webhook'],
    },
    ofStore('waiting'),
  )
}
