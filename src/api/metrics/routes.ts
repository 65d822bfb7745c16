import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Service } from '../../service.ts'
import { adminOf, refuseRepeatedHeaders } from '../caller.ts'
import { serviceRegistry } from './service-registry.ts'

export interface MetricsOptions {
  readonly service: Service
  /** To admins alone: figures say much about whom the CA works for, and how much. */
  readonly to: 'admins' | 'anybody'
}

/** `/metrics`, in the text format of Prometheus. */
export async function metricsRoute(app: FastifyInstance, { service, to }: MetricsOptions): Promise<void> {
  const registry = serviceRegistry(service)
  refuseRepeatedHeaders(app)
  app.get('/metrics', async (request, reply): Promise<FastifyReply> => {
    if (to === 'admins') await adminOf(request, service)
    reply.header('cache-control', 'no-store').type(registry.contentType)
    return reply.send(await registry.metrics())
  })
}
