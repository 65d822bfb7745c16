import type { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import { CaError } from '../../errors.ts'
import type { EstCredentials } from '../../est/authenticate-enrollee.ts'

/** Certificates that a client may send beside its own. */
const MOST_OTHERS = 10

/** HTTP Basic and the TLS client certificate with what was sent along. Throws "unauthenticated" for another Authorization. */
export function estCredentials({ headers, raw }: FastifyRequest): EstCredentials {
  return { basic: readBasic(headers.authorization), peer: readPeer(raw.socket as Partial<TLSSocket>) }
}

function readBasic(authorization: string | undefined): EstCredentials['basic'] {
  if (authorization === undefined) return null
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  const text = Buffer.from(encoded ?? '', 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) {
    throw new CaError(
      'unauthenticated',
      'The Authorization header must be HTTP Basic: a name and a password.',
    )
  }
  return { name: text.slice(0, colon), password: text.slice(colon + 1) }
}

function readPeer(socket: Partial<TLSSocket>): EstCredentials['peer'] {
  const certificate = socket.getPeerX509Certificate?.()?.raw
  if (!certificate) return null
  const others: Buffer[] = []
  let { issuerCertificate: next } = socket.getPeerCertificate!(true)
  // The last one names itself as its issuer.
  for (let above = next; next?.raw && others.length < MOST_OTHERS; above = next) {
    others.push(next.raw)
    next = next.issuerCertificate
    if (next === above) break
  }
  return { certificate, others }
}
