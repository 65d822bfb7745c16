import type { IncomingMessage, Server } from 'node:http'
import { unnumberedProblem } from './problems.ts'
import { standBefore } from './stand-before.ts'

/** Of protocols that refuse it in their own words. */
const IN_OWN_WORDS = /^\/(?:acme|\.well-known\/est)\//

/**
 * Has a server refuse a request with more than one Host (RFC 9112 3.2): Node keeps the first without a word, where a proxy in front may have
 * gone by the last. To be called after others have taken the place of its listeners.
 */
export function refuseSecondHost(server: Server): void {
  standBefore(server, (goOn) => (request, response) => {
    if (!hasSecondHost(request) || IN_OWN_WORDS.test(request.url ?? '')) return goOn(request, response)
    const body = unnumberedProblem('malformedRequest', 'The header host stands twice; send it once.')
    response.writeHead(400, {
      connection: 'close',
      'content-type': 'application/problem+json',
      'content-length': Buffer.byteLength(body),
    })
    response.end(body)
  })
}

function hasSecondHost({ rawHeaders }: IncomingMessage): boolean {
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts > 1
}
