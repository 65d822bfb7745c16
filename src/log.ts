import type { FastifyBaseLogger } from 'fastify'
import { destination, pino } from 'pino'

/** JSON lines on standard error, written without holding up the event loop, and flushed when the process ends. */
export function createLog(level: string): FastifyBaseLogger {
  return pino({ level, base: null }, destination({ fd: 2, sync: false }))
}
