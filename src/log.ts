import type { FastifyBaseLogger } from 'fastify'
import { destination, pino } from 'pino'

/** What may wait where nobody reads; lines beyond it are dropped. Octets. */
const MOST_WAITING = 16 * 1024 * 1024
/** That whoever reads the log has for what waits, once the process is to end. Milliseconds. */
const LAST_LINES = 2000
/**
 * So many octets at once reach a pipe in one piece (PIPE_BUF): threads that write to the same one do not cut each other's
 * lines.
 */
const UNCUT = { maxWrite: 4096 }

let isGivenUp = false

/**
 * To be called when nothing but the log's last lines is left to do. Where nobody reads them, as of a pipe that is full, they are given up after a
 * while: what waits to be written would keep the process alive for ever.
 */
export function endLog(): void {
  setTimeout(() => {
    isGivenUp = true
  }, LAST_LINES).unref()
}

/**
 * JSON lines on standard error, written without holding up the event loop, and flushed when the process ends. `isShared`:
 * other threads write there too.
 */
export function createLog(level: string, { isShared = false } = {}): FastifyBaseLogger {
  const stream = destination({
    ...{ fd: 2, sync: false, maxLength: MOST_WAITING },
    ...(isShared ? UNCUT : {}),
    retryEAGAIN: () => !isGivenUp,
  })
  const { flushSync } = stream
  // A log on a full disk costs lines, not the service. Without a listener the first error would end the process, and the
  // flush at its end tries again for ever.
  stream.on('error', () => {
    stream.flushSync = () => {}
  })
  stream.on('write', () => {
    stream.flushSync = flushSync
  })
  return pino({ level, base: null }, stream)
}
