/** The only source of "now". Injected everywhere, so that tests move time instead of sleeping. */
export type Clock = () => Date

export const systemClock: Clock = () => new Date()

/** Whole seconds since 1970, the resolution of every time inside a certificate, CRL or OCSP response. */
export function epochSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}

const FIRST_SECOND = Date.parse('0000-01-01T00:00:00Z') / 1000
/** The last that RFC 3339 can say, and certificates and CRLs as well (RFC 5280 4.1.2.5.2). Seconds since 1970. */
export const LAST_SECOND = Date.parse('9999-12-31T23:59:59Z') / 1000

/**
 * Seconds since 1970 as people read them: RFC 3339, UTC. It knows the years 0000 to 9999; beyond them it is the nearest
 * second that it can say, since one bad value must not hide the list that it stands in.
 */
export function rfc3339(seconds: number): string {
  const shown = Math.min(Math.max(seconds, FIRST_SECOND), LAST_SECOND)
  return `${new Date(shown * 1000).toISOString().slice(0, 19)}Z`
}
