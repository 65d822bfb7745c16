import type { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import { CaError } from '../../errors.ts'
import type { EstCredentials } from '../../est/authenticate-enrollee.ts'
import { peerCertificate } from '../caller.ts'

/** Certificates that a client may send beside its own. */
const MOST_OTHERS = 10

/** HTTP Basic and the TLS client certificate with what was sent along. Throws "unauthenticated" for another Authorization. */
export function estCredentials(request: FastifyRequest): EstCredentials {
  return { basic: readBasic(request.headers.authorization), peer: readPeer(request) }
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

function readPeer(request: FastifyRequest): EstCredentials['peer'] {
  const certificate = peerCertificate(request)
  if (!certificate) return null
  const others: Buffer[] = []
  let { issuerCertificate: next } = (request.raw.socket as TLSSocket).getPeerCertificate(true)
  // The last one names itself as its issuer.
  for (let above = next; next?.raw && others.length < MOST_OTHERS; above = next) {
    others.push(next.raw)
    next = next.issuerCertificate
    if (next === above) break
  }
  return { certificate, others }
}
