import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Registry } from 'prom-client'
import type { Service } from '../../service.ts'
import { adminOf, refuseRepeatedHeaders } from '../caller.ts'

export interface MetricsOptions {
  readonly service: Service
  /** To admins alone: figures say much about whom the CA works for, and how much. */
  readonly to: 'admins' | 'anybody'
}

/** `/metrics`, in the text format of Prometheus. */
export async function metricsRoute(app: FastifyInstance, { service, to }: MetricsOptions): Promise<void> {
  let made: Promise<Registry> | undefined
  refuseRepeatedHeaders(app)
  app.get('/metrics', async (request, reply): Promise<FastifyReply> => {
    if (to === 'admins') await adminOf(request, service)
    made ??= registryOf(service)
    const registry = await made
    reply.header('cache-control', 'no-store').type(registry.contentType)
    return reply.send(await registry.metrics())
  })
}

/** Loaded when somebody asks for it: nobody does in most processes that are started. */
async function registryOf(service: Service): Promise<Registry> {
  const { serviceRegistry } = await import('./service-registry.ts')
  return serviceRegistry(service)
}
