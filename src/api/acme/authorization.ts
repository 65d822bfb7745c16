import type { FastifyInstance, FastifyReply } from 'fastify'
import { authorizationStatus } from '../../acme/authorization-status.ts'
import { identifierOf, readIdentifier } from '../../acme/identifier.ts'
import { AcmeError, problemOf } from '../../acme/problem.ts'
import { pauseAfter } from '../../acme/validator.ts'
import { epochSeconds } from '../../clock.ts'
import type { AcmeAuthorizationRow, AcmeChallengeRow } from '../../store/acme-queries.ts'
import { type AcmeRouting, addLink, type IdRequest, idOf } from './routing.ts'
import { payloadOf, type SignedByAccount } from './signed-request.ts'
import { type PersistTerms, showAuthorization, showChallenge } from './views.ts'

/** newAuthz, authorizations, challenges (RFC 8555 7.4.1, 7.5). */
export function authorizationRoutes(app: FastifyInstance, { service, acme, signed }: AcmeRouting): void {
  const { store, clock } = service
  const { caaIdentities: issuers, plainAccountUrls, reuseAuthorizations } = service.config.acme
  const termsFor = ({ holder }: SignedByAccount): PersistTerms => ({
    issuers,
    accountUrl: plainAccountUrls ? holder.accountUrl : null,
  })

  if (reuseAuthorizations) {
    app.post('/acme/new-authz', async (request, reply) => {
      const one = await signed.byAccount(request)
      const { identifier } = payloadOf(one)
      const name = readIdentifier(identifier)
      const { subdomainAuthAllowed } = identifier as { subdomainAuthAllowed?: unknown }
      const id = await acme.orders.authorize(one.holder, name, subdomainAuthAllowed === true)
      reply.code(201).header('location', one.urls.authorization(id))
      return showAuthorization(
        (await store.read.acmeAuthorization(id))!,
        one.urls,
        epochSeconds(clock()),
        termsFor(one),
      )
    })
  }

  app.post('/acme/authorization/:id', async (request: IdRequest, reply) => {
    const one = await signed.byAccount(request)
    let current = own(await store.read.acmeAuthorization(idOf(request)), one)
    if (one.jws.payload !== null) {
      if (one.jws.payload.status !== 'deactivated') {
        throw new AcmeError('malformed', 'The status of an authorization may be set to "deactivated" alone.')
      }
      const { authorizationId, identifier } = current
      const { value } = identifierOf(identifier)
      const lost = new AcmeError(
        'unauthorized',
        `The authorization of ${value} was deactivated: make a new order.`,
      )
      const error = JSON.stringify(problemOf(lost))
      await store.write('deactivateAcmeAuthorization', { authorizationId, error })
      current = (await store.read.acmeAuthorization(authorizationId))!
    }
    sayWhen(current, reply)
    return showAuthorization(current, one.urls, epochSeconds(clock()), termsFor(one))
  })

  app.post('/acme/challenge/:id', async (request: IdRequest, reply) => {
    const one = await signed.byAccount(request)
    const challengeId = idOf(request)
    const before = own(await store.read.acmeAuthorizationOf(challengeId), one)
    // An empty payload only looks (RFC 8555 7.5.1).
    if (one.jws.payload !== null) {
      if (before.status === 'pending') acme.validator.checkFailures(before)
      const at = epochSeconds(clock())
      const { accountUrl, account } = one.holder
      const { changed } = await store.write('startAcmeChallenge', { challengeId, at, accountUrl })
      if (changed) acme.validator.submit(challengeId, account.accountId)
    }
    const current = (await store.read.acmeAuthorizationOf(challengeId))!
    const challenge = current.challenges.find((one) => one.challengeId === challengeId)!
    if (one.jws.payload !== null) refuseEnded(current, challenge, epochSeconds(clock()))
    sayWhen(current, reply)
    addLink(reply, one.urls.authorization(current.authorizationId), 'up')
    return showChallenge(challenge, one.urls, termsFor(one))
  })
}

function own(found: AcmeAuthorizationRow | null, { holder }: SignedByAccount): AcmeAuthorizationRow {
  if (!found) throw new AcmeError('malformed', 'There is no such authorization.', { status: 404 })
  if (found.accountId !== holder.account.accountId) {
    throw new AcmeError('unauthorized', 'The authorization is another account’s.')
  }
  return found
}

/** One that would stay pending for ever: some clients look at the challenge alone until it is not, uacme for more than an hour. */
function refuseEnded(authorization: AcmeAuthorizationRow, { status }: AcmeChallengeRow, now: number): void {
  const proof = authorizationStatus(authorization, now)
  if (status !== 'pending' || proof === 'pending' || proof === 'valid') return
  throw new AcmeError(
    'malformed',
    `The authorization is ${proof}: its challenges count for nothing any more. Make a new order.`,
  )
}

/** Retry-After while a challenge is being looked at (RFC 8555 7.5.1). */
function sayWhen({ challenges }: AcmeAuthorizationRow, reply: FastifyReply): void {
  const processing = challenges.find(({ status }) => status === 'processing')
  if (processing) reply.header('retry-after', String(pauseAfter(processing.attempts)))
}
