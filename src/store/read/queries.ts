import type { Connection } from '../connection.ts'
import type { Queries } from '../queries.ts'
import { adminKeyQueries } from './admin-key.ts'
import { auditQueries } from './audit.ts'
import { authorityQueries } from './authority.ts'
import { certificateQueries } from './certificate.ts'
import { crlQueries } from './crl.ts'
import { searchQueries } from './search.ts'
import { tokenQueries } from './token.ts'

/** Every read, on one read-only connection. */
export function createQueries(db: Connection): Queries {
  return {
    ...certificateQueries(db),
    ...searchQueries(db),
    ...tokenQueries(db),
    ...adminKeyQueries(db),
    ...authorityQueries(db),
    ...crlQueries(db),
    ...auditQueries(db),
  }
}
