import type { FastifyInstance } from 'fastify'
import { suits } from '../../acme/validation/validate.ts'
import type { Service } from '../../service.ts'
import type { AcmeRouting } from './routing.ts'
import { requireEmpty } from './signed-request.ts'
import type { AcmeUrls } from './urls.ts'

/** The directory (RFC 8555 7.1.1) and nonces (7.2), for whoever asks. */
export function directoryRoutes(app: FastifyInstance, { service, signed, urlsOf }: AcmeRouting): void {
  const directory = (urls: AcmeUrls) => {
    const at = (path: string) => `${urls.base}/acme/${path}`
    return {
      newNonce: at('new-nonce'),
      newAccount: at('new-account'),
      newOrder: at('new-order'),
      // RFC 8555 7.1.1: not there where orders do not go by what was authorised ahead.
      ...(service.config.acme.reuseAuthorizations ? { newAuthz: at('new-authz') } : {}),
      revokeCert: at('revoke-cert'),
      keyChange: at('key-change'),
      renewalInfo: at('renewal-info'),
      meta: meta(service, urls),
    }
  }
  app.get('/acme/directory', async (request, reply) => {
    reply.header('cache-control', 'public, max-age=60')
    return directory(urlsOf(request))
  })
  app.route({
    method: ['GET', 'HEAD'],
    url: '/acme/new-nonce',
    handler: async (request, reply) => {
      reply.header('cache-control', 'no-store').code(request.method === 'HEAD' ? 200 : 204)
      return reply.send()
    },
  })

  // RFC 8555 6.3: by POST-as-GET as well.
  app.post('/acme/directory', async (request) => {
    const one = await signed.byAccount(request)
    requireEmpty(one)
    return directory(one.urls)
  })
  app.post('/acme/new-nonce', async (request, reply) => {
    requireEmpty(await signed.byAccount(request))
    return reply.code(204).send()
  })
}

/** Names below another are proven as a wildcard is. */
const BELOW = { identifier: { type: 'dns', value: '' }, wildcard: true } as const

function meta({ config: { acme }, profiles }: Service, { accountHashPrefix }: AcmeUrls) {
  const persists = acme.challenges.includes('dns-persist-01')
  const subdomainAuthAllowed = acme.challenges.some((one) => suits(one, BELOW))
  return {
    ...(acme.termsOfService === undefined ? {} : { termsOfService: acme.termsOfService }),
    ...(acme.website === undefined ? {} : { website: acme.website }),
    ...(acme.caaIdentities.length > 0 ? { caaIdentities: acme.caaIdentities } : {}),
    externalAccountRequired: acme.externalAccountRequired,
    subdomainAuthAllowed,
    // draft-ietf-acme-dns-persist-02 3.2, 4.1.
    ...(persists ? { issuerDomainNames: acme.caaIdentities, accountHashPrefix } : {}),
    profiles: Object.fromEntries(
      acme.profiles.map((name) => [name, profiles.get(name)?.description || `Profile ${name}`]),
    ),
  }
}
