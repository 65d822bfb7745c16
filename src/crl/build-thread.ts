import { readlinkSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { CaError } from '../errors.ts'
import { type CrlFields, crlTbsParts } from '../pki/crl/list.ts'
import { type Roomy, roomyCopy } from '../pki/signed.ts'
import type { CrlScope } from '../store/commands.ts'
import { type Entries, openCrlReader } from '../store/crl-entries.ts'
import { type CrossedError, toCrossed } from '../store/crossed-error.ts'
import { isStorageFailure, readError } from '../store/storage-failure.ts'

/**
 * The thread that reads long lists of revoked certificates, so that neither the event loop nor the writer
 * waits for them. It owns a read-only connection of its own, and no key.
 */
export interface BuildRequest {
  readonly id: number
  readonly scope: CrlScope
  /** `notAfterFloor`: certificates that expired before are left out. Seconds since 1970. */
  readonly full: { readonly notAfterFloor: number; readonly fields: CrlHead } | null
  /** `since`: the newest change that is in the base; null where the base is what is being built. */
  readonly delta: { readonly since: number | null; readonly fields: CrlHead } | null
}

/** All of a CRL but its entries. */
export type CrlHead = Omit<CrlFields, 'entries'>

/** A TBSCertList. */
export interface BuiltTbs extends Roomy {
  readonly count: number
}

export interface Built {
  readonly full: BuiltTbs | null
  readonly delta: BuiltTbs | null
  /** The newest change that they know of. */
  readonly through: number
}

export type BuildReply = { readonly id: number } & (
  | ({ readonly kind: 'built' } & Built)
  | { readonly kind: 'failed'; readonly error: CrossedError }
)

/** Of this thread, in Linux's terms, above what the process has: a third of the processor where others want it too, and all of it where nobody does. */
const NICENESS = 5
const LOWEST = 19

const port = parentPort!
const reader = openCrlReader((workerData as { databaseFile: string }).databaseFile)

giveWay()
port.on('message', (request: BuildRequest | 'close') => {
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

function build({ scope, full, delta }: BuildRequest): Built {
  const read = reader.entries(scope, {
    full: full && { notAfterFloor: full.notAfterFloor },
    delta: delta && { since: delta.since ?? Number.MAX_SAFE_INTEGER },
  })
  return {
    full: full && encoded(full.fields, read.full!),
    delta: delta && encoded(delta.fields, read.delta!),
    through: read.through,
  }
}

function encoded(fields: CrlHead, { count, der }: Entries): BuiltTbs {
  return { count, ...roomyCopy(crlTbsParts(fields, der)) }
}
