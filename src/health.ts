/** One line of `/readyz`. */
export interface HealthCheck {
  readonly name: string
  readonly ok: boolean
  readonly reason: string | null
}

/** Where faults go that no caller hears of; Fastify's logger, pino and `console` are such. */
export interface FaultLog {
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}
