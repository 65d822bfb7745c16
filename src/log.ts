import type { FastifyBaseLogger } from 'fastify'
import { destination, pino } from 'pino'

/**
 * So many octets at once reach a pipe in one piece (PIPE_BUF): threads that write to the same one do not cut each other's
 * lines.
 */
const UNCUT = { maxWrite: 4096 }

/**
 * JSON lines on standard error, written without holding up the event loop, and flushed when the process ends. `isShared`:
 * other threads write there too.
 */
export function createLog(level: string, { isShared = false } = {}): FastifyBaseLogger {
  return pino({ level, base: null }, destination({ fd: 2, sync: false, ...(isShared ? UNCUT : {}) }))
}
