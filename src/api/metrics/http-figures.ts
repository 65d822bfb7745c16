import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Tally, tally } from '../../metrics/labelled.ts'
import { timingsBy } from '../../metrics/timings.ts'
import type { Service } from '../../service.ts'
import { afterAnswer } from '../immediate-hooks.ts'

/** What was answered over HTTP by all listeners of one service. Answers to known OCSP requests are counted with OCSP alone. */
interface HttpFigures {
  readonly requests: Tally
  readonly durations: ReturnType<typeof timingsBy>
}

const figures = new WeakMap<Service, HttpFigures>()

export function httpFigures(service: Service): HttpFigures {
  const known = figures.get(service)
  if (known) return known
  const made = {
    requests: tally('route', 'method', 'status'),
    durations: timingsBy('part'),
  }
  figures.set(service, made)
  return made
}

/** Counts what the routes of this application answer. To be called before they are added. */
export function countRequests(app: FastifyInstance, service: Service): void {
  app.addHook(
    'onResponse',
    afterAnswer((request, reply) => count(request, reply, service)),
  )
}

/** For an answer that no hook sees: of a request whose address could not be read. */
export function countUnrouted(request: FastifyRequest, reply: FastifyReply, service: Service): void {
  reply.raw.once('finish', () => count(request, reply, service))
}

/** For a request that was refused before its route was looked at. */
export function countRefused(service: Service): void {
  httpFigures(service).requests.of('none', 'any', '503').count++
}

function count({ routeOptions, method }: FastifyRequest, reply: FastifyReply, service: Service): void {
  const { requests, durations } = httpFigures(service)
  // As it was registered. What is at no route has no name of ours.
  const route = routeOptions.url ?? 'none'
  requests.of(route, route === 'none' ? 'any' : method, String(reply.raw.statusCode)).count++
  durations.of(partOf(route)).observe(reply.elapsedTime / 1000)
}

const PARTS: readonly (readonly [RegExp, string])[] = [
  [/\/v1\//, 'rest'],
  [/\/acme(?:\/|$)/, 'acme'],
  [/\/\.well-known\/est(?:\/|$)/, 'est'],
  [/\/ocsp(?:\/|$)/, 'ocsp'],
  [/\/crl\//, 'crl'],
  [/\/(?:bundles|roots|ca)\//, 'bundles'],
  [/\/v3\//, 'sds'],
  [/\/(?:healthz|readyz|metrics)$/, 'operations'],
]
const known = new Map<string, string>()

/** Of the service, by a route that is ours. */
function partOf(route: string): string {
  const part = known.get(route)
  if (part !== undefined) return part
  const found = PARTS.find(([pattern]) => pattern.test(route))?.[1] ?? 'other'
  known.set(route, found)
  return found
}
