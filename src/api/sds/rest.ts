import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import type { Principal } from '../../auth/principal.ts'
import { CaError } from '../../errors.ts'
import { authenticateClient } from '../../sds/authenticate-client.ts'
import { discoveryOctets, SECRET_TYPE, type Secret } from '../../sds/secret.ts'
import { findSecret } from '../../sds/secret-source.ts'
import type { Service } from '../../service.ts'
import { attached } from '../attached.ts'
import { credentialsOf, refuseRepeatedHeaders } from '../caller.ts'
import { sendBody } from '../freshness.ts'
import { readJsonAlone } from '../rest/own-parsing.ts'

/** Octets: Envoy describes itself in 77 KB with every request. */
const MAX_BODY = 1024 * 1024

const schema = {
  summary:
    'Envoy’s secret discovery over REST: one secret, or 304 where the version is the one that Envoy has',
  tags: ['envoy'],
} as FastifySchema

/**
 * `POST /v3/discovery:secrets`, as Envoy asks each refresh_delay. Whatever is not 200 or 304 leaves Envoy with the secret that
 * it has. Nothing is recorded.
 */
export async function sdsRoutes(app: FastifyInstance, { service }: { service: Service }): Promise<void> {
  readJsonAlone(app)
  refuseRepeatedHeaders(app)
  const bodies = new Bodies()
  const principals = attached<FastifyRequest, Principal>('principal of SDS')
  // Strangers are turned away before a byte of their body is read.
  app.addHook('onRequest', async (request, reply) => {
    const principal = await orClose(reply, authenticateClient(credentialsOf(request), service))
    principals.set(request, principal)
  })

  // The colon is doubled, since a single one would begin a parameter.
  app.post('/v3/discovery::secrets', { bodyLimit: MAX_BODY, schema }, async (request, reply) => {
    const { name, version } = readRequest(request.body)
    const found = await orClose(reply, findSecret(name, principals.get(request)!, service))
    reply.header('cache-control', 'no-store')
    if (found.version === version) return reply.code(304).send()
    const sent = found.version
    const body = await bodies.of(found)
    // By the version, since the function lasts as long as somebody reads: it must not keep the same as text.
    return sendBody(reply.type('application/json'), body, () => bodies.isCurrent(name, sent))
  })
}

/** Answers as octets. Trust with its CRLs is many megabytes, and each client that read it slowly would hold one of its own. */
class Bodies {
  /** By the name of the secret, of which there are a few for each authority. */
  readonly #kept = new Map<string, { readonly version: string; readonly body: Promise<Buffer> }>()

  of({ content, version }: Secret): Promise<Buffer> {
    const known = this.#kept.get(content.name)
    if (known?.version === version) return known.body
    const body = discoveryOctets({ content, version })
    if (content.validation_context) this.#kept.set(content.name, { version, body })
    return body
  }

  isCurrent(name: string, version: string): boolean {
    return this.#kept.get(name)?.version === version
  }
}

const COUNTS_NO_MORE: ReadonlySet<string> = new Set(['certificateExpired', 'certificateRevoked'])

/** Envoy goes on to ask on the connection that there is, and may have a newer certificate by now: it shows that on the next. */
async function orClose<T>(reply: FastifyReply, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof CaError && COUNTS_NO_MORE.has(error.code)) reply.header('connection', 'close')
    throw error
  }
}

/** Unknown fields are ignored, since Envoy sends more with each release. Both spellings of protobuf's JSON are taken. */
function readRequest(body: unknown): { name: string; version: string | undefined } {
  const fields = (typeof body === 'object' ? body : null) as Record<string, unknown> | null
  const field = (snake: string, camel: string) => fields?.[snake] ?? fields?.[camel]
  const type = field('type_url', 'typeUrl')
  if (type !== undefined && type !== SECRET_TYPE) {
    throw new CaError(
      'malformedRequest',
      `The type_url must be ${SECRET_TYPE}: nothing else is discovered here.`,
    )
  }
  const names = field('resource_names', 'resourceNames')
  if (!Array.isArray(names) || names.length !== 1 || typeof names[0] !== 'string') {
    throw new CaError(
      'malformedRequest',
      'resource_names must hold the name of one secret: Envoy takes one in an answer over REST, and asks for each by itself.',
    )
  }
  const version = field('version_info', 'versionInfo')
  return { name: names[0], version: typeof version === 'string' ? version : undefined }
}
