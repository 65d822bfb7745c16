import type { CommandKind, Commands } from '../commands.ts'
import type { Connection } from '../connection.ts'
import type { NoticeSettings } from '../notice-commands.ts'
import type { ReadyInput } from '../writer-messages.ts'
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
import { idempotencyKeyHandlers } from './idempotency-key.ts'
import { issuanceHandlers } from './issuance.ts'
import { noticeHandlers } from './notice.ts'
import { numberHandlers } from './number.ts'
import { ocspResponseHandlers } from './ocsp-response.ts'
import { openOutbox } from './outbox.ts'
import { renewalCallHandlers } from './renewal-call.ts'
import { revocationHandlers } from './revocation.ts'
import { rootHandlers } from './root.ts'
import { tokenHandlers } from './token.ts'

/**
 * What each command does. Whatever a handler wrote is undone if it throws, and also where another of the same batch does:
 * then it is called once more. What it keeps between calls stands in `memoryOf`, which forgets what was undone.
 */
export type Handlers = { [K in CommandKind]: (input: ReadyInput<K>) => Commands[K]['output'] }

/** `notices`: whom commands leave word for. */
export function createHandlers(db: Connection, notices?: NoticeSettings): Handlers {
  const outbox = openOutbox(db, notices)
  return {
    ...issuanceHandlers(db, outbox),
    ...idempotencyKeyHandlers(db),
    ...revocationHandlers(db, outbox),
    ...tokenHandlers(db),
    ...adminKeyHandlers(db),
    ...authorityHandlers(db),
    ...crlHandlers(db),
    ...numberHandlers(db),
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
    ...noticeHandlers(db, outbox),
    ...approvalHandlers(db, outbox),
  }
}
