import { parentPort, workerData } from 'node:worker_threads'
import { Writer } from './writer.ts'
import type { WriterSettings } from './writer-messages.ts'

const port = parentPort
if (!port) throw new Error('writer-thread runs in a worker thread only')
// One that was started ahead of time is told afterwards.
if (workerData === null) port.once('message', (settings: WriterSettings) => new Writer(port, settings))
else new Writer(port, workerData as WriterSettings)
