import type { FastifyRequest } from 'fastify'
import { inRole } from '../../auth/authenticate.ts'
import type { Principal } from '../../auth/principal.ts'
import { actsAs, includesRole, roleOf } from '../../auth/roles.ts'
import { CaError } from '../../errors.ts'
import { normaliseSerial } from '../../pki/serial-number.ts'
import type { Role } from '../../store/commands.ts'

export interface RouteAccess {
  /** The least role that an admin key needs. */
  readonly role: Role
  /** Whether holders of tokens and certificates come here too: the route itself says what they may. */
  readonly others?: true
}

/** Who may come to each address under /v1; a test proves that none is missing. What is missing is for admins alone. */
export const ROUTE_ACCESS: Readonly<Record<string, RouteAccess>> = {
  'POST /v1/certificates': { role: 'admin', others: true },
  'GET /v1/certificates': { role: 'auditor' },
  'GET /v1/certificates/:serial': { role: 'auditor', others: true },
  'GET /v1/certificates/:serial/ocsp': { role: 'auditor', others: true },
  'POST /v1/certificates/:serial/renew': { role: 'admin', others: true },
  'POST /v1/certificates/:serial/revoke': { role: 'operator', others: true },
  'POST /v1/certificates/:serial/release': { role: 'operator' },
  'POST /v1/certificates/revoke': { role: 'operator' },
  'POST /v1/renewal-calls': { role: 'operator' },

  'GET /v1/requests': { role: 'auditor' },
  'GET /v1/requests/:id': { role: 'auditor', others: true },
  'POST /v1/requests/:id/approve': { role: 'operator' },
  'POST /v1/requests/:id/refuse': { role: 'operator' },

  // Whoever may revoke certificates may revoke what opens the way to one, and make nothing that does.
  'GET /v1/tokens': { role: 'auditor' },
  'POST /v1/tokens': { role: 'admin' },
  'DELETE /v1/tokens/:id': { role: 'operator' },
  'GET /v1/est/users': { role: 'auditor' },
  'POST /v1/est/users': { role: 'admin' },
  'DELETE /v1/est/users/:name': { role: 'operator' },
  'GET /v1/acme/eab-keys': { role: 'auditor' },
  'POST /v1/acme/eab-keys': { role: 'admin' },
  'DELETE /v1/acme/eab-keys/:kid': { role: 'operator' },
  'GET /v1/acme/accounts': { role: 'auditor' },
  'GET /v1/acme/accounts/:id': { role: 'auditor' },
  'POST /v1/acme/accounts/:id/deactivate': { role: 'operator' },
  'GET /v1/acme/orders': { role: 'auditor' },
  'GET /v1/acme/orders/:id': { role: 'auditor' },

  'GET /v1/authorities': { role: 'auditor' },
  'POST /v1/authorities': { role: 'admin' },
  'GET /v1/authorities/:id': { role: 'auditor' },
  'PATCH /v1/authorities/:id': { role: 'admin' },
  'GET /v1/authorities/:id/csr': { role: 'auditor' },
  'PUT /v1/authorities/:id/certificate': { role: 'admin' },
  'PUT /v1/authorities/:id/crl': { role: 'admin' },
  'PUT /v1/authorities/:id/ocsp': { role: 'admin' },
  'POST /v1/authorities/:id/phase': { role: 'admin' },
  'POST /v1/roots': { role: 'admin' },
  'GET /v1/cross-certificates': { role: 'auditor' },
  'DELETE /v1/cross-certificates/:fingerprint': { role: 'admin' },
  'GET /v1/profiles': { role: 'auditor', others: true },
  'GET /v1/audit': { role: 'auditor' },
  'GET /v1/audit/export': { role: 'auditor' },
  'GET /v1/statistics': { role: 'auditor' },

  'GET /v1/admin-keys': { role: 'auditor' },
  'POST /v1/admin-keys': { role: 'admin' },
  'POST /v1/admin-keys/:id/rotate': { role: 'admin' },
  'DELETE /v1/admin-keys/:id': { role: 'admin' },
}

/** Of a request that was routed; `prefix`: where the routes are mounted. */
export function accessTo({ method, routeOptions }: FastifyRequest, prefix: string): RouteAccess {
  const path = (routeOptions.url ?? '').slice(prefix.length)
  return ROUTE_ACCESS[`${method === 'HEAD' ? 'GET' : method} ${path}`] ?? { role: 'admin' }
}

/**
 * Somebody whose certificate has a role acts in it where the role suffices; else, and towards the certificate itself, as its
 * holder.
 */
export function inRoleFor(principal: Principal, { role }: RouteAccess, request: FastifyRequest): Principal {
  if (principal.kind !== 'certificate' || !principal.role) return principal
  const { serial } = request.params as { serial?: string }
  const isOwn = serial !== undefined && isSame(serial, principal.serialNumber)
  return isOwn || !includesRole(principal.role, role) ? principal : (inRole(principal) ?? principal)
}

/** Throws `CaError` "forbidden" that says which role is needed. */
export function checkRole(principal: Principal, { role, others }: RouteAccess): void {
  if (actsAs(principal, role)) return
  const has = principal.kind === 'certificate' ? (principal.role ?? null) : roleOf(principal)
  if (roleOf(principal) === null && others) return
  throw new CaError(
    'forbidden',
    has === null
      ? `This needs an admin key with the role "${role}".`
      : `This needs the role "${role}", and you have the role "${has}".`,
  )
}

function isSame(text: string, serialNumber: string): boolean {
  try {
    return normaliseSerial(text) === serialNumber
  } catch {
    return false
  }
}
