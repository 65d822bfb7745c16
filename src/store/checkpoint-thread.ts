import { parentPort, workerData } from 'node:worker_threads'
import { checkpoint, openForWriting } from './connection.ts'

/**
 * Makes checkpoints that the writer asks for, on a connection of its own that writes nothing else. It answers each with whether
 * it succeeded; why not is found out by the writer, which then tries itself.
 */

export type ToCheckpointer = 'checkpoint' | 'close'

const port = parentPort!
const { file, identity } = workerData as { file: string; identity: string | null }
const db = openForWriting(file, identity)

port.on('message', (message: ToCheckpointer) => {
  if (message === 'close') {
    db.close()
    port.close()
    return
  }
  let succeeded = true
  try {
    checkpoint(db)
  } catch {
    succeeded = false
  }
  port.postMessage(succeeded)
})
