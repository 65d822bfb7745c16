import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Acme } from '../../acme/acme.ts'
import type { Service } from '../../service.ts'
import type { SignedRequests } from './signed-request.ts'
import type { AcmeUrls } from './urls.ts'

/** What every address of ACME needs. */
export interface AcmeRouting {
  readonly service: Service
  readonly acme: Acme
  readonly signed: SignedRequests
  readonly urlsOf: (request: FastifyRequest) => AcmeUrls
}

export type IdRequest = FastifyRequest<{ Params: { id: string } }>

/** The number in an address; 0, which nothing has, where it is none. */
export function idOf({ params }: IdRequest): number {
  return /^[1-9][0-9]{0,14}$/.test(params.id) ? Number(params.id) : 0
}

/** More than one Link may be needed, beside that of the index. */
export function addLink(reply: FastifyReply, url: string, relation: string): void {
  const known = reply.getHeader('link')
  const links = known === undefined ? [] : [known].flat().map(String)
  reply.header('link', [...links, `<${url}>;rel="${relation}"`])
}
