import type { FastifyBaseLogger } from 'fastify'
import { destination, pino } from 'pino'

/** What may wait where nobody reads; lines beyond it are dropped. Octets. */
const MOST_WAITING = 16 * 1024 * 1024

/** JSON lines on standard error, written without holding up the event loop, and flushed when the process ends. */
export function createLog(level: string): FastifyBaseLogger {
  const stream = destination({ fd: 2, sync: false, maxLength: MOST_WAITING })
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
