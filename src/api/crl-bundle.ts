import type { FastifyInstance, FastifyRequest, FastifySchema } from 'fastify'
import type { Authority } from '../ca/authority.ts'
import { epochSeconds } from '../clock.ts'
import { entityTag } from '../entity-tag.ts'
import { CaError } from '../errors.ts'
import type { Service } from '../service.ts'
import { sendFresh } from './freshness.ts'

/** Seconds. A proxy that reloads its file each minute or so shall see a revocation with the next load. */
const MAX_AGE = 30

const schema = {
  summary: 'The current CRL of every authority up to the root, PEM: "roots" for all, or an authority’s id',
  tags: ['public'],
} as FastifySchema

/**
 * What Envoy, HAProxy and nginx take as one file. They check the whole chain, and a missing or expired CRL of any issuer in it
 * rejects every peer: so the bundle is whole, or it is not served and the file of before stays in use.
 */
export async function crlBundleRoute(app: FastifyInstance, { service }: { service: Service }): Promise<void> {
  const { authorities, crl, clock } = service

  app.get(
    '/bundles/:name.crl.pem',
    { schema },
    async (request: FastifyRequest<{ Params: { name: string } }>, reply) => {
      const now = epochSeconds(clock())
      const crls = authoritiesOf(request.params.name).map((authority) => currentCrl(authority, now))
      const body = Buffer.from(crls.map(({ pem }) => pem).join(''))
      return sendFresh(request, reply, 'application/x-pem-file', body, {
        maxAge: Math.min(MAX_AGE, ...crls.map(({ nextUpdate }) => nextUpdate - now)),
        etag: entityTag(body),
        // Two bundles may be made within one second, and If-Modified-Since cannot tell them apart.
        lastModified: now - MAX_AGE,
        expires: now + MAX_AGE,
      })
    },
  )

  function authoritiesOf(name: string): readonly Authority[] {
    const now = epochSeconds(clock())
    const valid = authorities.all().filter(({ certificate }) => certificate.notAfter > now)
    if (name === 'roots') return valid
    const one = authorities.get(name)
    if (!one) throw new CaError('notFound', `There is no authority "${name}". Try roots, for all of them.`)
    return valid.filter(({ certificate }) =>
      [one.certificate.der, ...one.chain].some((der) => der.equals(certificate.der)),
    )
  }

  function currentCrl({ id }: Authority, now: number) {
    const current = crl.current(id)
    if (current && current.nextUpdate > now) return current
    throw new CaError(
      'authorityNotReady',
      `Authority "${id}" has no current CRL, and without it the bundle would make relying parties refuse everybody.`,
    )
  }
}
