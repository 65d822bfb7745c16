import type { TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type AuthContext, authenticate, type Credentials, inRole } from '../auth/authenticate.ts'
import type { Origin, Principal, Protocol } from '../auth/principal.ts'
import { roleOf } from '../auth/roles.ts'
import { CaError } from '../errors.ts'
import { attached } from './attached.ts'
import { hostOf } from './host.ts'
import { beforeRequest } from './immediate-hooks.ts'
import { mountPoint } from './mount-point.ts'
import { accessTo, checkRole, inRoleFor } from './rest/roles.ts'
import { refuseForgedRequest, sessionSecret } from './session-cookie.ts'

/** Headers of which two would mean that two readers may see two requests. */
const SINGLE = new Set([
  'authorization',
  'content-type',
  'idempotency-key',
  'host',
  'accept',
  'origin',
  'sec-fetch-site',
  'x-chancery-console',
])

/** Refuses a request that repeats one of them: Node keeps the first and drops the others without a word. */
export function refuseRepeatedHeaders(app: FastifyInstance): void {
  app.addHook(
    'onRequest',
    beforeRequest(({ raw: { rawHeaders } }) => {
      const seen = new Set<string>()
      for (let i = 0; i < rawHeaders.length; i += 2) {
        const name = rawHeaders[i]!.toLowerCase()
        if (!SINGLE.has(name)) continue
        if (seen.has(name))
          throw new CaError('malformedRequest', `The header ${name} stands twice; send it once.`)
        seen.add(name)
      }
    }),
  )
}

const principals = attached<FastifyRequest, Promise<Principal>>('principal')
const laggards = attached<FastifyRequest, true>('late body')

/**
 * Strangers, and those whose role does not suffice, are turned away before a byte of their body is read. Here, and nowhere
 * else, the console's session counts.
 */
export function authenticateFirst(app: FastifyInstance, context: AuthContext): void {
  const prefix = mountPoint(app)
  const admit = async (request: FastifyRequest) => {
    const access = accessTo(request, prefix)
    const session = sessionSecret(request)
    if (session !== null) refuseForgedRequest(request)
    const credentials =
      session === null ? credentialsOf(request) : { bearer: null, peerCertificate: null, session }
    const asked = identify(request, credentials, context).then((one) => inRoleFor(one, access, request))
    principals.set(request, asked)
    checkRole(access.others ? await asked : await principalOf(request, context), access)
    if (session !== null) context.access?.sessions.use(session)
  }
  app.addHook('onRequest', async (request) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (!isRead) noteLateBody(request)
    await admit(request)
  })
  // A body may take half a minute, and whoever began it may have been shut out meanwhile. Of others than those with a role the store
  // looks itself, as it records what they may have.
  app.addHook('preHandler', async (request) => {
    if (laggards.get(request) && roleOf(await applicantOf(request, context)) !== null) await admit(request)
  })
}

/** What comes with the head, as nearly all do, is there before this turn of the event loop ends, in which nobody is shut out. */
function noteLateBody(request: FastifyRequest): void {
  setImmediate(() => {
    if (!request.raw.complete) laggards.set(request, true)
  })
}

const ids = attached<FastifyRequest, string>('caller')

/** For the line of the request log. */
export function nameCaller(request: FastifyRequest, { id }: Principal): void {
  ids.set(request, id)
}

/** Who was asking, if that was established. */
export function callerId(request: FastifyRequest): string | undefined {
  return ids.get(request)
}

/** Who is asking. Throws `CaError` "unauthenticated", and "tokenSpent": such a token opens nothing but its own certificate. */
export async function principalOf(request: FastifyRequest, context: AuthContext): Promise<Principal> {
  const principal = await applicantOf(request, context)
  if (principal.kind === 'token' && principal.token.spentOn !== null)
    throw new CaError('tokenSpent', 'The enrolment token was used up. Ask an admin for a new one.')
  return principal
}

/** Who is asking, established once a request; the holder of a spent token too, for whom the issuer has only an old answer. */
export function applicantOf(request: FastifyRequest, context: AuthContext): Promise<Principal> {
  const known = principals.get(request)
  if (known) return known
  const principal = identify(request, credentialsOf(request), context)
  principals.set(request, principal)
  return principal
}

async function identify(
  request: FastifyRequest,
  credentials: Credentials,
  context: AuthContext,
): Promise<Principal> {
  const caller = await authenticate(credentials, context)
  noteCaller(request, caller)
  return caller
}

/** For the log, of a caller that was just established. */
export function noteCaller(request: FastifyRequest, caller: Principal): void {
  nameCaller(request, caller)
  // Its refusals are not audited, so that its holder cannot fill the store with them.
  if (caller.kind === 'token' && caller.token.spentOn !== null)
    request.log.warn({ principal: caller.id }, 'A spent token was shown')
}

/** Who is asking, if it is somebody with a role, be it the least one; anyone else is refused. */
export async function adminOf(request: FastifyRequest, context: AuthContext): Promise<Principal> {
  const principal = inRole(await principalOf(request, context))
  if (!principal) throw new CaError('forbidden', 'This needs an admin key.')
  return principal
}

/** Who is asking, if it is somebody with a role or the very certificate that is asked about; anyone else is refused. */
export async function adminOrHolderOf(
  request: FastifyRequest,
  serialNumber: string,
  context: AuthContext,
): Promise<Principal> {
  const principal = await principalOf(request, context)
  const own = principal.kind === 'certificate' && principal.serialNumber === serialNumber
  if (roleOf(principal) === null && !own)
    throw new CaError('forbidden', 'This needs an admin key, or the certificate itself.')
  return principal
}

export function originOf(request: FastifyRequest, protocol: Protocol = 'rest'): Origin {
  // A client that is gone already has no address any more. An application that embeds the plugin may count its requests in numbers.
  return { address: request.ip ?? '', requestId: String(request.id), protocol }
}

/** What the caller shows: a bearer secret if there is one, else a client certificate. */
export function credentialsOf(request: FastifyRequest): Credentials {
  const bearer = bearerOf(request.headers.authorization)
  return { bearer, peerCertificate: bearer === null ? peerCertificate(request) : null }
}

/** The secret in an Authorization header; null where there is none. */
export function bearerOf(authorization: string | undefined): string | null {
  if (authorization === undefined) return null
  const match = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization)
  if (!match)
    throw new CaError('unauthenticated', 'The Authorization header must read "Bearer" and a token or key.')
  return match[1]!
}

/** A browser would show a client certificate for whatever page makes it send a request. */
function isCrossSite(request: FastifyRequest): boolean {
  const { headers } = request
  const { origin } = headers
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== hostOf(request))
}

/** The certificate of the TLS client, in DER; null without one. Throws `CaError` "forbidden" where a page of another site makes a browser show it. */
export function peerCertificate(request: FastifyRequest): Buffer | null {
  if (isCrossSite(request)) {
    throw new CaError('forbidden', 'A page of another site may not use a client certificate here.')
  }
  const socket = request.raw.socket as Partial<TLSSocket>
  return socket.getPeerX509Certificate?.()?.raw ?? null
}
