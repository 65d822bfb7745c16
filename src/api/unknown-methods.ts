import type { Server } from 'node:http'
import { http } from '../node-http.ts'
import { answerClientError } from './client-error.ts'
import { standBefore } from './stand-before.ts'

const METHODS: ReadonlySet<string> = new Set(http.METHODS)

/**
 * Has a server answer like what is no HTTP what its parser takes for the beginning of HTTP/2, "PRI /x" without a version. No router
 * knows that method: Fastify would call it a bug of its own in the log, and show the log its routes. To be called before others
 * take the place of its listeners.
 */
export function refuseUnknownMethods(server: Server): void {
  standBefore(server, (goOn) => (request, response) => {
    if (!METHODS.has(request.method ?? '')) answerClientError(new Error('an unknown method'), request.socket)
    else goOn(request, response)
  })
}
