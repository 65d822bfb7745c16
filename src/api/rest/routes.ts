import type { FastifyPluginAsync } from 'fastify'
import { CaError } from '../../errors.ts'
import type { Service } from '../../service.ts'
import { authenticateFirst, refuseRepeatedHeaders } from '../caller.ts'
import { refuseOtherMethods } from '../other-methods.ts'
import { acmeAccountRoutes } from './acme-accounts.ts'
import { eabKeyRoutes } from './acme-eab-keys.ts'
import { acmeOrderRoutes } from './acme-orders.ts'
import { adminKeyRoutes } from './admin-keys.ts'
import { auditRoutes } from './audit.ts'
import { authorityRoutes } from './authorities.ts'
import { authorityCrlRoutes } from './authority-crl.ts'
import { authorityOcspRoutes } from './authority-ocsp.ts'
import { authorityPhaseRoutes } from './authority-phase.ts'
import { enrolRoutes } from './enrol.ts'
import { estUserRoutes } from './est-users.ts'
import { inventoryRoutes } from './inventory.ts'
import { refuseUnknownQueries, useOwnParsing } from './own-parsing.ts'
import { profileRoutes } from './profiles.ts'
import { auditRefusals } from './refusals.ts'
import { renewRoutes } from './renew.ts'
import { renewalCallRoutes } from './renewal-calls.ts'
import { requestRoutes } from './requests.ts'
import { revokeRoutes } from './revoke.ts'
import { rootRoutes } from './roots.ts'
import { sessionRoutes } from './session.ts'
import { stapleRoutes } from './staple.ts'
import { statisticsRoutes } from './statistics.ts'
import { tokenRoutes } from './tokens.ts'

/** Everything under /v1: what takes secrets, so it belongs on a TLS listener. */
export const restRoutes: FastifyPluginAsync<{ service: Service }> = async (app, options) => {
  useOwnParsing(app)
  refuseRepeatedHeaders(app)
  refuseOtherMethods(
    app,
    '/v1',
    (allowed) => new CaError('methodNotAllowed', `This address takes ${allowed} alone.`),
  )
  app.register(sessionRoutes, options)
  app.register(administration, options)
}

/** What is for those who are known. */
const administration: FastifyPluginAsync<{ service: Service }> = async (app, options) => {
  authenticateFirst(app, options.service)
  auditRefusals(app, options.service)
  refuseUnknownQueries(app)
  app.register(enrolRoutes, options)
  app.register(renewRoutes, options)
  app.register(revokeRoutes, options)
  app.register(inventoryRoutes, options)
  app.register(stapleRoutes, options)
  app.register(tokenRoutes, options)
  app.register(estUserRoutes, options)
  app.register(requestRoutes, options)
  app.register(authorityRoutes, options)
  app.register(authorityCrlRoutes, options)
  app.register(authorityOcspRoutes, options)
  app.register(authorityPhaseRoutes, options)
  app.register(rootRoutes, options)
  app.register(eabKeyRoutes, options)
  app.register(acmeAccountRoutes, options)
  app.register(acmeOrderRoutes, options)
  app.register(renewalCallRoutes, options)
  app.register(profileRoutes, options)
  app.register(statisticsRoutes, options)
  app.register(auditRoutes, options)
  app.register(adminKeyRoutes, options)
}
