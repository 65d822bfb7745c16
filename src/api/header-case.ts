import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'

/**
 * Sends header names as they are written in RFCs ("Content-Type"). HTTP takes any case, and Fastify sends lower case; Cisco's
 * libest and OpenBSD's acme-client compare names letter by letter.
 */
export function sendProperCase(app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, { raw }) => {
    const writeHead = raw.writeHead.bind(raw) as (
      status: number,
      headers?: OutgoingHttpHeaders,
    ) => ServerResponse
    raw.writeHead = ((status: number, headers: OutgoingHttpHeaders = {}) =>
      writeHead(
        status,
        Object.fromEntries(Object.entries(headers).map(([name, value]) => [properCase(name), value])),
      )) as typeof raw.writeHead
  })
}

function properCase(name: string): string {
  if (name === 'www-authenticate') return 'WWW-Authenticate'
  return name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())
}
