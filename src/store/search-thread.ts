import { parentPort, workerData } from 'node:worker_threads'
import { openForReading } from './connection.ts'
import { type CrossedError, toCrossed } from './crossed-error.ts'
import { type Searches, type SearchKind, searchesOn } from './read/queries.ts'
import { readError } from './storage-failure.ts'

/** The thread that runs searches, which may have to look at very many rows; on a read-only connection of its own. */

export type SearchRequest = {
  [K in SearchKind]: { readonly kind: K; readonly parameters: Parameters<Searches[K]> }
}[SearchKind]

export type SearchReply = { readonly answer: unknown } | { readonly error: CrossedError }

const port = parentPort!
const { file, identity } = workerData as { file: string; identity?: string | null }
const db = openForReading(file, identity)
const searches = searchesOn(db)

port.on('message', async (request: SearchRequest | 'close') => {
  if (request === 'close') {
    db.close()
    port.close()
    return
  }
  port.postMessage(await reply(request))
})

async function reply({ kind, parameters }: SearchRequest): Promise<SearchReply> {
  // Each pair was typed by `SearchQueue.ask`; the union of all of them is what cannot be told apart here.
  const search = searches[kind] as (...parameters: unknown[]) => Promise<unknown>
  try {
    return { answer: await search(...parameters) }
  } catch (error) {
    return { error: toCrossed(readError(error)) }
  }
}
