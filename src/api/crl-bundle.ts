import type { FastifyInstance, FastifyRequest, FastifySchema } from 'fastify'
import { epochSeconds } from '../clock.ts'
import { bundledAuthorities, bundledCrls } from '../crl/bundle.ts'
import type { PublishedCrl } from '../crl/published-crl.ts'
import { entityTag } from '../entity-tag.ts'
import type { Service } from '../service.ts'
import { sendFreshCompressed } from './compression.ts'

/** Seconds. A proxy that reloads its file each minute or so shall see a revocation with the next load. */
const MAX_AGE = 30

const schema = {
  summary: 'The current CRL of every authority up to the root, PEM: "roots" for all, or an authority’s id',
  tags: ['public'],
} as FastifySchema

interface Rendered {
  readonly of: readonly PublishedCrl[]
  readonly body: Promise<Buffer>
  readonly etag: string
  /** Seconds since 1970: from then on nobody was given an older one. */
  readonly servedFrom: number
}

/** What Envoy, HAProxy and nginx take as one file: whole, or not served, and the file of before stays in use. */
export async function crlBundleRoute(app: FastifyInstance, { service }: { service: Service }): Promise<void> {
  const { authorities, crl, clock } = service
  const rendered = new Map<string, Rendered>()

  app.get(
    '/bundles/:name.crl.pem',
    { schema },
    async (request: FastifyRequest<{ Params: { name: string } }>, reply) => {
      const now = epochSeconds(clock())
      const { name } = request.params
      const crls = bundledCrls(bundledAuthorities(name, authorities.all(), crl, now), crl, now)
      const { body, etag, servedFrom } = render(name, crls, now)
      const tags = crls.map((one) => one.etag)
      const maxAge = Math.min(MAX_AGE, ...crls.map(({ nextUpdate }) => nextUpdate - now))
      return sendFreshCompressed(request, reply, 'application/x-pem-file', await body, {
        ...{ maxAge, etag, expires: now + maxAge },
        lastModified: Math.min(servedFrom, now),
        served: { from: servedFrom, now },
        isCurrent: () =>
          tags.every((tag) => authorities.all().some(({ id }) => crl.current(id)?.etag === tag)),
      })
    },
  )

  /** The same until one of the CRLs is replaced. */
  function render(name: string, of: readonly PublishedCrl[], now: number): Rendered {
    const known = rendered.get(name)
    if (known && known.of.length === of.length && of.every((one, i) => one === known.of[i])) return known
    // A single one is not copied.
    const body = Promise.all(of.map(({ pemOctets }) => pemOctets)).then((parts) =>
      parts.length === 1 ? parts[0]! : Buffer.concat(parts),
    )
    // Of the tags, each of which tells its CRL apart: many megabytes need not be hashed.
    const etag = entityTag(Buffer.from(of.map((one) => one.etag).join()))
    const fresh = { of, body, etag, servedFrom: now + 1 }
    rendered.set(name, fresh)
    return fresh
  }
}
