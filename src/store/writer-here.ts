import { EventEmitter } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import { Writer } from './writer.ts'
import type { FromWriter, ToWriter, WriterSettings } from './writer-messages.ts'
import type { WriterThread } from './writer-queue.ts'

/**
 * A writer in this thread, which waits for each commit: for a database that is being made, which nobody else waits for. It takes
 * the same messages as a thread of its own, whose start would be most of the time of a few commands.
 */
export function startWriterHere(settings: WriterSettings): WriterThread {
  const { port1: here, port2: there } = new MessageChannel()
  const events = new EventEmitter()
  here.on('message', (message: FromWriter) => events.emit('message', message))
  here.on('close', () => events.emit('exit'))
  new Writer(there, settings)
  return Object.assign(events, { postMessage: (message: ToWriter) => here.postMessage(message) })
}
