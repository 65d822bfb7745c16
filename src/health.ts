/** One line of `/readyz`. */
export interface HealthCheck {
  readonly name: string
  readonly ok: boolean
  /** What is wrong, or soon will be. */
  readonly reason: string | null
  /** When it lapses unless it is renewed, seconds since 1970; absent where it does not. */
  readonly until?: number | undefined
}

/** Where faults go that no caller hears of; Fastify's logger, pino and `console` are such. */
export interface FaultLog {
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
  /** What is worth keeping elsewhere, and no fault. */
  info?(facts: object, message: string): void
}
