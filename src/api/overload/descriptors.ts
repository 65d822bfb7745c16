import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FaultLog } from '../../health.ts'

export interface ConnectionBounds {
  readonly httpConnections: number
  readonly tlsConnections: number
}

/** For the database, the threads, the CRL files, and what is asked of others. */
const OWN = 100
/** For the event loop of each worker, its listener and its way to the log. */
const OF_WORKER = 8

/** A little less than was asked for is no reason to change anything. */
const NOTEWORTHY = 0.75

/** Milliseconds. */
const LOOK = 5000

/**
 * Of a plain connection whose request a worker has answered by the main thread: its own, and both ends of the one between them. The main
 * thread holds no more of those than there may be plain connections.
 */
const FORWARDED = 3

/** As few connections as a listener can do with. */
const LEAST = 16

/** As many files as this process may have open; null where the system does not say. */
export function descriptorLimit(): number | null {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return soft === undefined ? null : Number(soft)
  } catch {
    return null
  }
}

/**
 * Bounds that leave descriptors for the service itself. Where the system refuses a descriptor, it is the new connection that
 * is cut off, and files cannot be opened either; at a bound of our own it is the one that has been idle for the longest.
 */
export function fitConnections(
  wanted: ConnectionBounds,
  descriptors: number | null,
  { workers }: { workers: number },
  log: FaultLog,
): ConnectionBounds {
  const all = wanted.httpConnections * (workers > 0 ? FORWARDED : 1) + wanted.tlsConnections
  const own = OWN + workers * OF_WORKER
  if (descriptors === null || all + own <= descriptors) return wanted
  const share = Math.max(0, descriptors - own) / all
  const fitted = {
    httpConnections: Math.max(LEAST, Math.floor(wanted.httpConnections * share)),
    tlsConnections: Math.max(LEAST, Math.floor(wanted.tlsConnections * share)),
  }
  if (share < NOTEWORTHY) {
    log.warn(
      { descriptors, ...fitted },
      `The listeners hold fewer connections than limits.httpConnections and limits.tlsConnections allow: the process may have ${descriptors} files open, and they need ${all + own} (ulimit -n, LimitNOFILE)`,
    )
  }
  return fitted
}

/**
 * Tells when the process or the system has no descriptor left: libuv closes new connections then and says nothing. The function
 * that it returns ends it.
 */
export function watchDescriptors(log: FaultLog): () => void {
  const timer = setInterval(async () => {
    try {
      await (await open('/dev/null')).close()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EMFILE' && code !== 'ENFILE') return
      log.error(
        { code, descriptors: descriptorLimit() },
        'No file descriptor is left: new connections are cut off and files cannot be opened; allow more (ulimit -n, LimitNOFILE), or lower limits.httpConnections and limits.tlsConnections',
      )
    }
  }, LOOK).unref()
  return () => clearInterval(timer)
}
