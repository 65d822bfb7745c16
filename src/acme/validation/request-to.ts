import type { RequestOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import { connectTo } from './connect.ts'
import type { ValidationContext } from './context.ts'
import type { Deadline } from './deadline.ts'
import { startTls } from './start-tls.ts'

/** Without the brackets of an IPv6 address, and without the dot that ends an absolute name. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
}

export function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'https:' ? 443 : 80))
}

/** What HTTP says first to somebody else's server, on a connection of `openStream`. */
export function requestTo(url: URL, headers: Readonly<Record<string, string | number>>): RequestOptions {
  return {
    host: hostOf(url),
    port: portOf(url),
    path: `${url.pathname}${url.search}`,
    setHost: false,
    maxHeaderSize: 16 * 1024,
    headers: { Host: url.host, 'User-Agent': 'Chancery', ...headers },
  }
}

/**
 * A connection to an address that was checked, with TLS where the URL says so: for a request without an agent of Node's, and so without
 * a proxy from the environment. `ValidationFailure` "dns", "connection" or "tls".
 */
export async function openStream(
  url: URL,
  context: Pick<ValidationContext, 'resolver' | 'networks'>,
  deadline: Deadline,
  trust: Pick<ConnectionOptions, 'ca' | 'rejectUnauthorized'> = {},
): Promise<Duplex> {
  const servername = hostOf(url)
  const socket = await connectTo(servername, portOf(url), context, deadline)
  return url.protocol === 'https:'
    ? startTls(socket, url.host, { servername, ALPNProtocols: ['http/1.1'], ...trust }, deadline)
    : socket
}
