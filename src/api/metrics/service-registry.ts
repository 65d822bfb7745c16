import { Registry } from 'prom-client'
import type { Service } from '../../service.ts'
import { describeIssuance } from './issuance.ts'
import { describeLifetimes } from './lifetimes.ts'
import { describeProcess } from './process.ts'
import { describeRevocation } from './revocation.ts'
import { describeStore } from './store.ts'
import { describeWebhooks } from './webhooks.ts'

/** A registry of this service alone: an application may embed several. Nothing is kept in it; it reads when it is asked. */
export function serviceRegistry(service: Service): Registry {
  const registry = new Registry()
  describeIssuance(registry, service)
  describeStore(registry, service)
  describeRevocation(registry, service)
  describeLifetimes(registry, service)
  describeWebhooks(registry, service)
  describeProcess(registry)
  return registry
}
