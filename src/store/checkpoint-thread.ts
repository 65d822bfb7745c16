import { parentPort, workerData } from 'node:worker_threads'
import { openForWriting } from './connection.ts'
import { checkpoint } from './database-blocks.ts'

/**
 * Makes checkpoints that the writer asks for, on a connection of its own that writes nothing else. It answers each with whether
 * it succeeded; why not is found out by the writer, which then tries itself.
 */

export type ToCheckpointer = 'checkpoint' | 'close'

/** 2 MiB: what may be committed while it grows the file. */
const PAGES_MEANWHILE = 500

const port = parentPort!
const { file, identity, descriptor } = workerData as {
  file: string
  identity: string | null
  descriptor: number
}
const db = openForWriting(file, identity)

port.on('message', (message: ToCheckpointer) => {
  if (message === 'close') {
    db.close()
    port.close()
    return
  }
  let succeeded = true
  try {
    checkpoint(db, descriptor, 'PASSIVE', PAGES_MEANWHILE)
  } catch {
    succeeded = false
  }
  port.postMessage(succeeded)
})
