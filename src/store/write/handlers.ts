import type { CommandKind, Commands } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { acmeAccountHandlers } from './acme-account.ts'
import { acmeAuthorizationHandlers } from './acme-authorization.ts'
import { acmeOrderHandlers } from './acme-order.ts'
import { acmeSweepHandlers } from './acme-sweep.ts'
import { adminKeyHandlers } from './admin-key.ts'
import { approvalHandlers } from './approval.ts'
import { auditHandlers } from './audit.ts'
import { authorityHandlers } from './authority.ts'
import { crlHandlers } from './crl.ts'
import { estUserHandlers } from './est-user.ts'
import { externalKeyHandlers } from './external-key.ts'
import { issuanceHandlers } from './issuance.ts'
import { ocspResponseHandlers } from './ocsp-response.ts'
import { renewalCallHandlers } from './renewal-call.ts'
import { revocationHandlers } from './revocation.ts'
import { rootHandlers } from './root.ts'
import { tokenHandlers } from './token.ts'

/**
 * What each command does. A handler runs inside a savepoint: whatever it wrote is undone if it throws.
 * It keeps nothing between calls that an undone write could make wrong.
 */
export type Handlers = { [K in CommandKind]: (input: Commands[K]['input']) => Commands[K]['output'] }

export function createHandlers(db: Connection): Handlers {
  return {
    ...issuanceHandlers(db),
    ...revocationHandlers(db),
    ...tokenHandlers(db),
    ...adminKeyHandlers(db),
    ...authorityHandlers(db),
    ...crlHandlers(db),
    ...rootHandlers(db),
    ...ocspResponseHandlers(db),
    ...auditHandlers(db),
    ...acmeAccountHandlers(db),
    ...acmeOrderHandlers(db),
    ...acmeAuthorizationHandlers(db),
    ...acmeSweepHandlers(db),
    ...estUserHandlers(db),
    ...externalKeyHandlers(db),
    ...renewalCallHandlers(db),
    ...approvalHandlers(db),
  }
}
