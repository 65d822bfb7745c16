import type { TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import { CaError } from '../../errors.ts'
import type { Label, Labels } from '../../est/labels.ts'
import { checkLinked } from '../../est/proof-linking.ts'
import { type CertificationRequest, parseCsr } from '../../pki/csr/parse.ts'
import { refusedBefore } from '../other-methods.ts'
import { readBase64 } from './base64-body.ts'
import { channelBinding } from './channel-binding.ts'

export type EstRequest = FastifyRequest<{ Params: { label?: string } }>
export type EstHandler = (request: EstRequest, reply: FastifyReply, label: Label) => Promise<FastifyReply>

/** One operation at both of its addresses, with and without a label; other methods are refused. */
export type AddOperation = (
  name: string,
  method: 'GET' | 'POST',
  summary: string,
  handler: EstHandler,
) => void

export function operations(app: FastifyInstance, labels: Labels): AddOperation {
  return (name, method, summary, handler) => {
    for (const path of ['/.well-known/est', '/.well-known/est/:label']) {
      const url = `${path}/${name}`
      app.route({
        method,
        url,
        schema: { summary: `EST: ${summary}`, tags: ['est'] } as FastifySchema,
        handler: (request, reply) =>
          handler(request as EstRequest, reply, labels.get((request as EstRequest).params.label)),
      })
      const allow = method === 'GET' ? 'GET, HEAD' : method
      const others = METHODS.filter((one) => one !== method)
      // Before the body is looked at, whose type would be wrong as well.
      refuse(app, others, url, new CaError('methodNotAllowed', `${name} is asked for by ${method}.`), {
        allow,
      })
    }
  }
}

/** All that come with a body or without; HEAD goes with GET. */
export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** Whatever is sent: before the body is looked at. */
export function refuse(
  app: FastifyInstance,
  methods: readonly (typeof METHODS)[number][],
  url: string,
  error: CaError,
  headers: Record<string, string> = {},
): void {
  app.route({
    method: [...methods],
    url,
    onRequest: async (_request, reply) => {
      reply.headers(headers)
      throw error
    },
    handler: refusedBefore,
  })
}

/** The CSR of a request whose caller is known already. */
export function readLinkedCsr(request: EstRequest, label: Label): CertificationRequest {
  const csr = parseCsr(readBase64(request.body))
  checkLinked(csr, channelBinding(request.raw.socket as Partial<TLSSocket>), label)
  return csr
}
