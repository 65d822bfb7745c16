import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { bySession, inRole, sessionSubject } from '../../auth/authenticate.ts'
import type { Principal } from '../../auth/principal.ts'
import type { Session } from '../../auth/sessions.ts'
import { auditEntry } from '../../ca/audit.ts'
import { CaError } from '../../errors.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import type { Role } from '../../store/commands.ts'
import { credentialsOf, nameCaller, originOf } from '../caller.ts'
import {
  expiredCookie,
  refuseForgedRequest,
  refuseOtherSites,
  sessionCookie,
  sessionSecret,
} from '../session-cookie.ts'
import { oneOf, showTime, Time } from './schemas.ts'
import { oidcRoutes } from './session-oidc.ts'

const SessionView = Type.Object({
  name: Type.String({ description: 'Of the admin key, or of who signed in by a certificate.' }),
  role: oneOf('admin', 'operator', 'auditor'),
  expires: Time,
})

/** Sign-in of the console: a cookie in the place of an admin key, for a short time. */
export const sessionRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { sessions } = service.access
  const tags = ['session']
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })

  app.register(oidcRoutes, { service })

  app.post(
    '/v1/session',
    {
      schema: {
        summary: 'Sign in to the console',
        description:
          'With an admin key as bearer, or the client certificate of an admin. The answer sets the session’s cookie, HttpOnly, which counts under /v1 alone; with it, whatever is not GET must carry "X-Chancery-Console: 1".',
        tags,
        response: { 201: SessionView },
      },
    },
    async (request, reply) => {
      refuseOtherSites(request)
      const { name, principal, credential } = await sessionSubject(credentialsOf(request), service)
      nameCaller(request, principal)
      await record('session.open', name, principal, request)
      const { secret, session } = sessions.open({ name, holder: principal.id, credential })
      reply.code(201).header('set-cookie', sessionCookie(secret))
      return show(session, principal)
    },
  )

  app.get(
    '/v1/session',
    { schema: { summary: 'Who is signed in, and until when', tags, response: { 200: SessionView } } },
    async (request) => {
      const secret = sessionSecret(request)
      if (secret === null) throw new CaError('unauthenticated', 'Nobody is signed in.')
      refuseForgedRequest(request)
      const { session, principal } = await bySession(secret, service)
      nameCaller(request, principal)
      return show(session, principal)
    },
  )

  app.delete(
    '/v1/session',
    { schema: { summary: 'Sign out', tags, response: { 204: Type.Null() } } },
    async (request, reply) => {
      const secret = sessionSecret(request)
      if (secret !== null) {
        refuseForgedRequest(request)
        const known = await bySession(secret, service).catch(() => null)
        sessions.close(secret)
        if (known) await record('session.close', known.session.name, known.principal, request)
      }
      return reply.code(204).header('set-cookie', expiredCookie()).send(null)
    },
  )

  function record(
    action: string,
    name: string,
    principal: Principal,
    request: Parameters<typeof originOf>[0],
  ) {
    const entry = auditEntry(action, 'ok', name, principal, originOf(request), service.clock())
    return service.store.write('audit', entry)
  }

  function show(session: Session, principal: Principal) {
    const { kind } = inRole(principal)!
    return { name: session.name, role: kind as Role, expires: showTime(sessions.expiresAt(session)) }
  }
}
