import { readlinkSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
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

/**
 * Of this thread, in Linux's terms, above what the process has: a third of the processor where others want it too, and all of
 * it where nobody does.
 */
const NICENESS = 5
const LOWEST = 19

const port = parentPort!
const { databaseFile, identity } = workerData as { databaseFile: string; identity?: string | null }
const reader = openCrlReader(databaseFile, identity)

giveWay()
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

/** A list is awaited for seconds, and an enrolment for milliseconds. */
function giveWay(): void {
  try {
    // "4711/task/4712": elsewhere there is no such file, and no priority of a thread alone.
    const thread = Number(readlinkSync('/proc/thread-self').split('/')[2])
    setPriority(thread, Math.min(getPriority(thread) + NICENESS, LOWEST))
  } catch {
    // Then it has the same as all others.
  }
}

function failureOf(cause: unknown): unknown {
  if (isStorageFailure(cause)) return readError(cause)
  return new CaError('internal', 'The list of revoked certificates could not be made.', { cause })
}

function build(request: BuildRequest): Built {
  const { scope, full, delta } = request
  const at = Math.min(...[full, delta].flatMap((one) => one?.fields.thisUpdate ?? []))
  const read = reader.entries(scope, {
    at,
    full: full && { notAfterFloor: full.notAfterFloor },
    delta: delta && { since: delta.since ?? Number.MAX_SAFE_INTEGER },
  })
  return encodeLists(request, read)
}
