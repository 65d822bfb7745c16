import { parentPort, workerData } from 'node:worker_threads'
import { CaError } from '../errors.ts'
import { openCrlReader } from '../store/crl-entries.ts'
import { type CrossedError, toCrossed } from '../store/crossed-error.ts'
import { isStorageFailure, readError } from '../store/storage-failure.ts'
import { type BuildRequest, type Built, encodeLists } from './built-lists.ts'

/**
 * The thread that reads long lists of revoked certificates, so that neither the event loop nor the writer
 * waits for them. It owns a read-only connection of its own, and no key.
 */
export type ThreadRequest = BuildRequest & { readonly id: number }

export type BuildReply = { readonly id: number } & (
  | ({ readonly kind: 'built' } & Built)
  | { readonly kind: 'failed'; readonly error: CrossedError }
)

const port = parentPort!
const reader = openCrlReader((workerData as { databaseFile: string }).databaseFile)

port.on('message', (request: ThreadRequest | 'close') => {
  if (request === 'close') {
    reader.close()
    port.close()
    return
  }
  const { id } = request
  try {
    const built = build(request)
    const buffers = [built.full, built.delta].flatMap((one) => (one ? [one.memory.buffer] : []))
    port.postMessage({ id, kind: 'built', ...built } satisfies BuildReply, buffers)
  } catch (error) {
    port.postMessage({ id, kind: 'failed', error: toCrossed(failureOf(error)) } satisfies BuildReply)
  }
})

function failureOf(cause: unknown): unknown {
  if (isStorageFailure(cause)) return readError(cause)
  return new CaError('internal', 'The list of revoked certificates could not be made.', { cause })
}

function build(request: BuildRequest): Built {
  const { scope, full, delta } = request
  const read = reader.entries(scope, {
    full: full && { notAfterFloor: full.notAfterFloor },
    delta: delta && { since: delta.since ?? Number.MAX_SAFE_INTEGER },
  })
  return encodeLists(request, read)
}
