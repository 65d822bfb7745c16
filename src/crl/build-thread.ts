import { parentPort, workerData } from 'node:worker_threads'
import { type CrlFields, encodeCrlTbs } from '../pki/crl/list.ts'
import { openCrlReader } from '../store/crl-entries.ts'
import { listsTheSame } from './stored-entries.ts'

/**
 * The thread that reads long lists of revoked certificates, so that neither the event loop nor the writer
 * waits for them. It owns a read-only connection of its own, and no key.
 */
export type BuildRequest = { readonly id: number } & (
  | { readonly kind: 'build'; readonly authority: string; readonly floor: number; readonly fields: CrlHead }
  /** Does this stored CRL still list exactly what is revoked? */
  | {
      readonly kind: 'compare'
      readonly authority: string
      readonly der: Uint8Array
      readonly thisUpdate: number
    }
)

/** All of a CRL but its entries. */
export type CrlHead = Omit<CrlFields, 'entries'>

export type BuildReply = { readonly id: number } & (
  | { readonly kind: 'built'; readonly tbs: Uint8Array<ArrayBuffer>; readonly count: number }
  | { readonly kind: 'compared'; readonly same: boolean }
  | { readonly kind: 'failed'; readonly error: unknown }
)

const port = parentPort!
const reader = openCrlReader((workerData as { databaseFile: string }).databaseFile)

port.on('message', (request: BuildRequest | 'close') => {
  if (request === 'close') {
    reader.close()
    port.close()
    return
  }
  const reply = answer(request)
  port.postMessage(reply, reply.kind === 'built' ? [reply.tbs.buffer] : [])
})

function answer(request: BuildRequest): BuildReply {
  const { id, authority } = request
  try {
    if (request.kind === 'compare') {
      return {
        id,
        kind: 'compared',
        same: listsTheSame(request, (floor) => reader.entries(authority, floor).der),
      }
    }
    const { count, der } = reader.entries(authority, request.floor)
    // A copy of its own: small Buffers share one pool, which cannot be transferred.
    return {
      id,
      kind: 'built',
      count,
      tbs: new Uint8Array(encodeCrlTbs({ ...request.fields, entries: der })),
    }
  } catch (error) {
    return { id, kind: 'failed', error }
  }
}
