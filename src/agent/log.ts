/** pino is one. Each event is one line; nothing that is given here may hold a secret. */
export interface AgentLog {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}
