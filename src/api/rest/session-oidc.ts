import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifySchema } from 'fastify'
import { auditEntry } from '../../ca/audit.ts'
import { epochSeconds } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import { nameCaller, originOf } from '../caller.ts'
import { mountPoint } from '../mount-point.ts'
import { sessionCookie } from '../session-cookie.ts'
import { SignInCookies } from '../sign-in-cookie.ts'

const Text = Type.Optional(Type.String({ maxLength: 4096 }))
/** Of the authorization response (RFC 6749 4.1.2, RFC 9207); providers add to it. */
const Callback = Type.Object({ code: Text, state: Text, iss: Text, error: Text })

/** Sign-in of the console by an OpenID provider, where one is configured. */
export const oidcRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { access, clock, config, store } = service
  const cookies = new SignInCookies()
  const tags = ['session']
  const begin = {
    summary: 'Sign in to the console by the OpenID provider: a redirect to it',
    tags,
  } as FastifySchema
  const now = () => epochSeconds(clock())
  const openId = () => {
    if (!access.openId) throw new CaError('notFound', 'No OpenID provider is configured here.')
    return access.openId
  }

  app.get('/v1/session/oidc', { schema: begin }, async (request, reply) => {
    const { url, begun } = await openId().begin()
    // Who only looks whether there is a provider must not take the place of a sign-in that another tab has begun.
    if (request.method !== 'HEAD') reply.header('set-cookie', cookies.give(begun, now()))
    return reply.redirect(url, 302)
  })

  app.get(
    '/v1/session/oidc/callback',
    {
      schema: {
        summary: 'Where the OpenID provider sends the browser back to: a redirect to the console',
        tags,
        querystring: Callback,
      },
    },
    async (request, reply) => {
      const { code, state, iss, error } = request.query
      const signIn = openId()
      const begun = cookies.take(request, now())
      // Once, whatever comes of it.
      reply.header('set-cookie', cookies.takeBack())
      if (!begun || state === undefined || state !== begun.state)
        throw new CaError('unauthenticated', 'This sign-in was not begun here, or too long ago: begin anew.')
      // RFC 9207: another provider's answer must not be taken to this one.
      if (iss !== undefined && iss !== config.oidc?.issuer)
        throw new CaError('unauthenticated', 'The answer is of another OpenID provider.')
      if (code === undefined) {
        const why = JSON.stringify((error ?? 'no code').slice(0, 100))
        throw new CaError('unauthenticated', `The OpenID provider let nobody in: ${why}.`)
      }
      const { name, principal } = await signIn.finish(code, begun)
      nameCaller(request, principal)
      const audit = auditEntry('session.open', 'ok', name, principal, originOf(request), clock(), {
        role: principal.kind,
      })
      await store.write('audit', audit)
      const credential = { kind: 'openId', principal } as const
      const { secret } = access.sessions.open({ name, holder: principal.id, credential })
      return reply.header('set-cookie', sessionCookie(secret)).redirect(`${mountPoint(app)}/console/`, 303)
    },
  )
}
