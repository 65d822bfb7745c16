import { parentPort, workerData } from 'node:worker_threads'
import { Writer } from './writer.ts'
import type { WriterSettings } from './writer-messages.ts'

if (!parentPort) throw new Error('writer-thread runs in a worker thread only')
new Writer(parentPort, workerData as WriterSettings)
