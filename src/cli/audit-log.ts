import { dataFiles } from '../config/data-directory.ts'
import { dataDirectory } from '../config/load.ts'
import { openReader, type Reader } from '../store/reader.ts'
import { isDatabaseThere } from '../store/same-file.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** The audit log in the data directory, whether or not the service runs. */
export function openAuditLog({ dir }: { readonly dir?: string }, terminal: Terminal): Reader {
  const { database } = dataFiles(dataDirectory(terminal.environment, dir))
  if (!isDatabaseThere(database))
    throw new Failure(EXIT.usage, `There is no database at ${database}: name the data directory with --dir.`)
  return openReader(database)
}
