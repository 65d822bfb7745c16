import type { FastifyInstance } from 'fastify'
import { finalize, orderNow } from '../../acme/finalize.ts'
import { readIdentifier } from '../../acme/identifier.ts'
import { checkAncestor, type OrderWish } from '../../acme/orders.ts'
import { AcmeError } from '../../acme/problem.ts'
import type { AcmeOrderRow } from '../../store/acme-queries.ts'
import { originOf } from '../caller.ts'
import { readTime } from '../rfc3339.ts'
import { readOctets } from './octets.ts'
import { type AcmeRouting, type IdRequest, idOf } from './routing.ts'
import { type Payload, payloadOf, requireEmpty, type SignedByAccount } from './signed-request.ts'
import { showOrder } from './views.ts'

/** newOrder, the order, finalize (RFC 8555 7.4). */
export function orderRoutes(app: FastifyInstance, { service, acme, signed }: AcmeRouting): void {
  const orderOf = async (request: IdRequest, { holder }: SignedByAccount): Promise<AcmeOrderRow> => {
    const order = await service.store.read.acmeOrder(idOf(request))
    if (!order) throw new AcmeError('malformed', 'There is no such order.', { status: 404 })
    if (order.accountId !== holder.account.accountId) {
      throw new AcmeError('unauthorized', 'The order is another account’s.')
    }
    return orderNow(order, service)
  }

  app.post('/acme/new-order', async (request, reply) => {
    const one = await signed.byAccount(request)
    const order = await acme.orders.create(one.holder, readWish(payloadOf(one)))
    reply.code(201).header('location', one.urls.order(order.orderId))
    return showOrder(order, one.urls)
  })

  app.post('/acme/order/:id', async (request: IdRequest, reply) => {
    const one = await signed.byAccount(request)
    requireEmpty(one)
    const order = await orderOf(request, one)
    reply.header('location', one.urls.order(order.orderId))
    return showOrder(order, one.urls)
  })

  app.post('/acme/order/:id/finalize', async (request: IdRequest, reply) => {
    const one = await signed.byAccount(request)
    const order = await orderOf(request, one)
    const csr = readOctets(payloadOf(one).csr, 'csr', 'badCSR')
    const { holder } = one
    const checkCaa = () => acme.checkCaaAgain(order, holder.accountUrl)
    const fulfilled = await finalize(holder, order, csr, originOf(request, 'acme'), acme.context, checkCaa)
    // Some clients look for it here, though only newOrder must have it.
    reply.header('location', one.urls.order(order.orderId))
    return showOrder(fulfilled, one.urls)
  })
}

function readWish(payload: Payload): OrderWish {
  const { identifiers, notBefore, notAfter, profile, replaces } = payload
  if (!Array.isArray(identifiers) || identifiers.length === 0) {
    throw new AcmeError('malformed', 'The order names nothing: "identifiers" must be a list of some.')
  }
  if (identifiers.length > MOST_IDENTIFIERS) {
    throw new AcmeError('malformed', `An order has at most ${MOST_IDENTIFIERS} identifiers.`)
  }
  return {
    names: readNames(identifiers),
    notBefore: optionalTime(notBefore, 'notBefore'),
    notAfter: optionalTime(notAfter, 'notAfter'),
    profile: optionalText(profile, 'profile'),
    replaces: optionalText(replaces, 'replaces'),
  }
}

/** As many as a profile may allow. */
const MOST_IDENTIFIERS = 1000

/** All faults are told at once, one subproblem for each identifier (RFC 8555 6.7.1). */
function readNames(identifiers: readonly unknown[]): OrderWish['names'] {
  const names: OrderWish['names'][number][] = []
  const faults: { error: AcmeError; value: unknown }[] = []
  for (const given of identifiers) {
    try {
      names.push(readName(given))
    } catch (error) {
      if (!(error instanceof AcmeError)) throw error
      faults.push({ error, value: given })
    }
  }
  if (faults.length === 0) return names
  const [{ error: first }] = faults as [(typeof faults)[number]]
  const subproblems = faults.flatMap(({ error, value }) => {
    const { type, value: text } = (value ?? {}) as Record<string, unknown>
    // Of what is no identifier at all there is nothing to show.
    if (typeof type !== 'string' || typeof text !== 'string') return []
    return { type: error.type, detail: error.detail, identifier: { type: type as 'dns', value: text } }
  })
  const others = faults.length > 1 ? `${faults.length} of the identifiers cannot be ordered. ` : ''
  throw new AcmeError(first.type, `${others}${first.detail}`, { subproblems })
}

function readName(given: unknown): OrderWish['names'][number] {
  const name = readIdentifier(given)
  const { ancestorDomain } = given as { ancestorDomain?: unknown }
  if (ancestorDomain === undefined || ancestorDomain === null) return { name }
  return { name, ancestor: checkAncestor(name, readIdentifier({ type: 'dns', value: ancestorDomain })) }
}

/** How clients in PHP (LEClient) and Go (step) write a time that they do not ask for. */
const NO_TIMES: readonly unknown[] = ['', '0001-01-01T00:00:00Z']

function optionalTime(given: unknown, member: string): number | undefined {
  const text = NO_TIMES.includes(given) ? undefined : optionalText(given, member)
  return text === undefined ? undefined : readTime(text)
}

function optionalText(given: unknown, member: string): string | undefined {
  if (given === undefined || given === null) return undefined
  if (typeof given === 'string') return given
  throw new AcmeError('malformed', `"${member}" must be a text.`)
}
