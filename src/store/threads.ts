import { Worker } from 'node:worker_threads'
import { threadEntry } from '../package-files.ts'
import type { WriterSettings } from './writer-messages.ts'

/** What a thread's commands and rows leave behind is gone soon: room for more than a few batches would only be held. */
const YOUNG_MEGABYTES = 6

/** A writer's thread that has its code, and does not know yet what it will write to. */
let ahead: Worker | null = null

/**
 * Starts a writer's thread before its database is known or exists, so that its code is loaded while this thread loads its own.
 * The next `startWriter` takes it. It keeps no process alive, and where it ended before, that one starts another.
 */
export function startWriterAhead(): Worker {
  const thread = startThread('writer', null)
  const forget = () => {
    if (ahead === thread) ahead = null
  }
  // Without a listener, an error in the thread would end the process.
  thread.on('error', forget).on('exit', forget).unref()
  ahead = thread
  return thread
}

export function startWriter(settings: WriterSettings): Worker {
  const thread = ahead
  ahead = null
  if (thread === null) return startThread('writer', settings)
  thread.postMessage(settings)
  thread.ref()
  return thread
}

export function startSearcher(file: string, identity?: string | null): Worker {
  return startThread('search', { file, identity })
}

/** Ends with the thread that starts it, and keeps it from nothing. `descriptor`: of the file, which all threads of a process share. */
export function startCheckpointer(file: string, identity: string | null, descriptor: number): Worker {
  const thread = startThread('checkpoint', { file, identity, descriptor })
  thread.unref()
  return thread
}

function startThread(name: string, workerData: unknown): Worker {
  // Not with the flags of the host process: --eval or --input-type would keep a file from being run.
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MEGABYTES }
  const entry = threadEntry(`store/${name}-thread`)
  const options = { name: `chancery-${name}`, workerData, execArgv: [], resourceLimits }
  // A descriptor of the database is not to be closed by a thread's end: all locks of the process on it would be gone.
  return new Worker(entry, { ...options, trackUnmanagedFds: false })
}
