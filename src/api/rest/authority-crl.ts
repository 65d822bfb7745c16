import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { TUnsafe } from 'typebox'
import { auditEntry } from '../../ca/audit.ts'
import { installCrl } from '../../ca/hierarchy/install-crl.ts'
import { CaError } from '../../errors.ts'
import { crlDer } from '../../pki/crl/der-or-pem.ts'
import type { Service } from '../../service.ts'
import { adminOf, originOf } from '../caller.ts'
import { CrlView, showCrl } from './authority-view.ts'
import { AuthorityParams } from './schemas.ts'

/** Octets: a root's CRL lists a few intermediates. */
const MAX_CRL = 1024 * 1024
const CRL_TYPES = ['application/pkix-crl', 'application/x-pem-file']
const bare = { schema: { description: 'A full CRL, DER or PEM.' } }

/** The CRL of an authority whose key is elsewhere is signed there, and brought here to be served. */
export const authorityCrlRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (
  app,
  { service },
) => {
  const { store, clock } = service

  app.addContentTypeParser(CRL_TYPES, { parseAs: 'buffer', bodyLimit: MAX_CRL }, (_request, body, done) =>
    done(null, body),
  )

  app.put(
    '/v1/authorities/:id/crl',
    {
      bodyLimit: MAX_CRL,
      schema: {
        summary: 'Install a CRL that was signed where the authority’s key is',
        tags: ['authorities'],
        params: AuthorityParams,
        body: {
          content: Object.fromEntries(CRL_TYPES.map((type) => [type, bare])),
        } as unknown as TUnsafe<unknown>,
        response: { 200: CrlView },
      },
    },
    async (request) => {
      const admin = await adminOf(request, service)
      const { id } = request.params
      if (!Buffer.isBuffer(request.body)) {
        throw new CaError('unsupportedMediaType', `Send the CRL as ${CRL_TYPES.join(' or ')}.`)
      }
      const authority = service.authorities.get(id)
      if (!authority) throw new CaError('unknownAuthority', `There is no authority "${id}".`)
      const audit = auditEntry('crl.install', 'ok', id, admin, originOf(request), clock())
      const der = crlDer(request.body)
      const all = service.authorities.all()
      for (const one of await installCrl(store, authority, der, clock(), audit, all))
        await service.crl.reload(one)
      return showCrl(service.crl.current(id)!)
    },
  )
}
