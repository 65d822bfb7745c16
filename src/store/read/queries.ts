import type { Connection } from '../connection.ts'
import type { Queries } from '../queries.ts'
import { acmeAccountQueries } from './acme-account.ts'
import { acmeAuthorizationQueries } from './acme-authorization.ts'
import { acmeOrderQueries } from './acme-order.ts'
import { adminKeyQueries } from './admin-key.ts'
import { approvalQueries } from './approval.ts'
import { auditQueries } from './audit.ts'
import { auditChainQueries, auditEndQueries } from './audit-chain.ts'
import { authorityQueries } from './authority.ts'
import { certificateQueries } from './certificate.ts'
import { crlQueries } from './crl.ts'
import { dayCountQueries } from './day-counts.ts'
import { estUserQueries } from './est-user.ts'
import { externalKeyQueries } from './external-key.ts'
import { endingQueries, noticeQueries } from './notice.ts'
import { ocspResponseQueries } from './ocsp-response.ts'
import { renewalQueries } from './renewal.ts'
import { renewalCallQueries } from './renewal-call.ts'
import { searchQueries } from './search.ts'
import { tokenQueries } from './token.ts'

/** The reads that look at many rows: each at so many at most, then it says where to go on. */
export type Searches = ReturnType<typeof searchQueries> &
  ReturnType<typeof auditQueries> &
  ReturnType<typeof auditChainQueries> &
  ReturnType<typeof dayCountQueries> &
  ReturnType<typeof endingQueries>
export type SearchKind = keyof Searches

/** The reads that find a few rows by key, on a read-only connection. */
export function pointReads(db: Connection): Omit<Queries, SearchKind | 'countCertificates'> {
  return {
    ...certificateQueries(db),
    ...renewalQueries(db),
    ...tokenQueries(db),
    ...adminKeyQueries(db),
    ...auditEndQueries(db),
    ...authorityQueries(db),
    ...crlQueries(db),
    ...ocspResponseQueries(db),
    ...acmeAccountQueries(db),
    ...acmeOrderQueries(db),
    ...acmeAuthorizationQueries(db),
    ...estUserQueries(db),
    ...externalKeyQueries(db),
    ...renewalCallQueries(db),
    ...approvalQueries(db),
    ...noticeQueries(db),
  }
}

/** The searches, on a read-only connection; synchronous underneath, so for the search thread. */
export function searchesOn(db: Connection): Searches {
  return {
    ...searchQueries(db),
    ...auditQueries(db),
    ...auditChainQueries(db),
    ...dayCountQueries(db),
    ...endingQueries(db),
  }
}
