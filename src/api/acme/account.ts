import type { FastifyInstance } from 'fastify'
import { orderNow } from '../../acme/finalize.ts'
import { readRollover } from '../../acme/jws/rollover.ts'
import { AcmeError } from '../../acme/problem.ts'
import { originOf } from '../caller.ts'
import { type AcmeRouting, addLink, type IdRequest, idOf } from './routing.ts'
import { payloadOf, requireEmpty, type SignedByAccount } from './signed-request.ts'
import { showAccount } from './views.ts'

/** Orders in one page of the list. */
const PAGE = 100

/** newAccount, account updates, the list of orders, keyChange (RFC 8555 7.3). */
export function accountRoutes(app: FastifyInstance, { service, acme, signed }: AcmeRouting): void {
  app.post('/acme/new-account', async (request, reply) => {
    const one = await signed.byKey(request)
    const { key, urls, jws } = one
    const { account, created } = await acme.accounts.create(
      key,
      payloadOf(one),
      jws.header.url,
      originOf(request, 'acme'),
    )
    reply.code(created ? 201 : 200).header('location', urls.account(account.accountId))
    const { termsOfService } = service.config.acme
    if (termsOfService !== undefined) addLink(reply, termsOfService, 'terms-of-service')
    return showAccount(account, urls)
  })

  app.post('/acme/account/:id', async (request: IdRequest, reply) => {
    const one = await signed.byAccount(request)
    requireOwn(one, idOf(request))
    const { holder, urls, jws } = one
    const account =
      jws.payload === null
        ? holder.account
        : await acme.accounts.update(holder, jws.payload, originOf(request, 'acme'))
    reply.header('location', urls.account(account.accountId))
    return showAccount(account, urls)
  })

  app.post('/acme/account/:id/orders', async (request: IdRequest, reply) => {
    const one = await signed.byAccount(request)
    requireOwn(one, idOf(request))
    requireEmpty(one)
    const { cursor } = request.query as { cursor?: unknown }
    const { accountId } = one.holder.account
    const { rows, next } = await service.store.read.listAcmeOrders(accountId, {
      limit: PAGE,
      ...(typeof cursor === 'string' ? { after: cursor } : {}),
    })
    const url = one.urls.orders(accountId)
    if (next !== null) addLink(reply, `${url}?cursor=${next}`, 'next')
    // RFC 8555 7.1.2.1: invalid ones should not be in it.
    const live = rows.filter((row) => orderNow(row, service).status !== 'invalid')
    return { orders: live.map(({ orderId }) => one.urls.order(orderId)) }
  })

  app.post('/acme/key-change', async (request, reply) => {
    const { holder, jws, urls } = await signed.byAccount(request)
    const next = await readRollover(jws, holder.key)
    const inUseBy = await acme.accounts.rollOver(holder, next, originOf(request, 'acme'))
    if (inUseBy !== null) {
      throw new AcmeError('malformed', 'An account has this key already: make another one.', {
        status: 409,
        location: urls.account(inUseBy),
      })
    }
    reply.header('location', holder.accountUrl)
    return showAccount(holder.account, urls)
  })
}

function requireOwn({ holder }: SignedByAccount, accountId: number): void {
  if (holder.account.accountId !== accountId) {
    throw new AcmeError('unauthorized', 'This is the address of another account.')
  }
}
