import { CaError } from '../errors.ts'
import { openForReading } from './connection.ts'
import { checkOurs, newestSchema } from './migrate.ts'
import type { Queries } from './queries.ts'
import { auditChainQueries, auditEndQueries } from './read/audit-chain.ts'
import { authorityQueries } from './read/authority.ts'
import { certificateQueries } from './read/certificate.ts'
import { openingError, withFailuresTold } from './storage-failure.ts'

export type Reader = Pick<
  Queries,
  | 'auditChain'
  | 'auditHeads'
  | 'newestAudit'
  | 'certificate'
  | 'authorities'
  | 'lastExpiry'
  | 'crossCertificates'
> & { close(): void }

/**
 * Reads the audit log and the authorities of a database, whether or not a service has it, and changes nothing. "badConfiguration" where it is of
 * another schema than this program's, "storeFailed" where it is damaged.
 */
export function openReader(file: string): Reader {
  const told = (error: unknown) => openingError(error, file)
  try {
    const { close, ...reads } = unguardedReader(file)
    return { ...withFailuresTold(reads, told), close }
  } catch (error) {
    throw told(error)
  }
}

function unguardedReader(file: string): Reader {
  const db = openForReading(file)
  try {
    checkOurs(db)
    const schema = db.pragma('user_version', { simple: true })
    if (schema !== newestSchema()) {
      throw new CaError(
        'badConfiguration',
        `The database ${file} has schema ${String(schema)}, and this program reads ${newestSchema()}: start the service with it once, or use the program that wrote it.`,
      )
    }
    return {
      ...auditChainQueries(db),
      ...auditEndQueries(db),
      ...authorityQueries(db),
      ...certificateQueries(db),
      close: () => db.close(),
    }
  } catch (error) {
    db.close()
    throw error
  }
}
