import type { FastifyInstance } from 'fastify'
import type { Service } from '../service.ts'
import { bundleRoutes } from './bundles.ts'
import { crlRoutes } from './crl.ts'
import { crlBundleRoute } from './crl-bundle.ts'
import { healthRoutes } from './health.ts'
import { ocspRoutes } from './ocsp.ts'
import { refuseUnopened } from './opened-service.ts'
import { useOwnAnswers } from './problems.ts'
import { refuseReadBodies } from './unread-bodies.ts'

/** What relying parties need, by plain HTTP as RFC 5280 wants it; nothing here takes a secret. */
export async function publicRoutes(app: FastifyInstance, { service }: { service: Service }): Promise<void> {
  refuseUnopened(service)
  // Here too: an application may have these alone.
  useOwnAnswers(app)
  refuseReadBodies(app)
  const { ocsp: responder, crl: publisher, clock } = service
  const authorities = () => service.authorities.all()
  app.register(ocspRoutes, { responder })
  app.register(crlRoutes, { authorities, publisher, clock })
  app.register(bundleRoutes, { service })
  app.register(crlBundleRoute, { service })
  app.register(healthRoutes, { service })
}
