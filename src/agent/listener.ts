import { once } from 'node:events'
import type { Server } from 'node:http'
import { CaError } from '../errors.ts'
import { http } from '../node-http.ts'
import type { Agent } from './agent.ts'
import { agentMetrics } from './metrics.ts'
import type { Timing } from './timing.ts'

export interface AgentListener {
  readonly port: number
  close(): Promise<void>
}

/** `/healthz` and `/metrics`. Throws `CaError` "badConfiguration" where the address cannot be had. */
export async function listenForQuestions(
  agent: Agent,
  { host, port }: { readonly host: string; readonly port: number },
  timing: Timing,
): Promise<AgentListener> {
  const registry = agentMetrics(agent.keepers, timing)
  const server = http.createServer((request, response) => {
    const answer = async () => {
      const { pathname } = new URL(request.url ?? '/', 'http://agent')
      if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: '' }
      if (pathname === '/healthz') return health(agent)
      if (pathname === '/metrics')
        return { status: 200, body: await registry.metrics(), type: registry.contentType }
      return { status: 404, body: '' }
    }
    answer()
      .catch(() => ({ status: 500, body: '' }))
      .then((given) => {
        const { status, body, type = 'text/plain' } = given as { status: number; body: string; type?: string }
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
      })
  })
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new CaError(
      'badConfiguration',
      `Cannot listen on ${host} port ${port} (${code}): change "listen".`,
      {
        cause,
      },
    )
  }
  // What it says is of use only while there is an agent.
  server.unref()
  return { port: portOf(server), close: () => closed(server) }
}

function health(agent: Agent): { status: number; body: string; type: string } {
  const certificates = Object.fromEntries(agent.keepers.map((keeper) => [keeper.id, keeper.problems()]))
  const isWell = Object.values(certificates).every((problems) => problems.length === 0)
  const body = JSON.stringify({ status: isWell ? 'ok' : 'failing', certificates })
  return { status: isWell ? 200 : 503, body: `${body}\n`, type: 'application/json' }
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}
