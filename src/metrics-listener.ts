import type { FastifyBaseLogger } from 'fastify'
import { buildMetricsApp } from './app.ts'
import type { Config } from './config/config.ts'
import { listen } from './listen.ts'
import type { Service } from './service.ts'

/** The listener for metrics and health alone, where one is wished. What must be closed again is added to `closers`. */
export async function startMetrics(
  { metrics: { host, port } }: Pick<Config, 'metrics'>,
  service: Service,
  log: FastifyBaseLogger,
  closers: (() => Promise<void>)[],
): Promise<void> {
  if (port === undefined) return
  const app = buildMetricsApp(service, log)
  closers.push(() => app.close())
  await listen(app, { host }, port)
}
