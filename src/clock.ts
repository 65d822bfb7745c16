/** The only source of "now". Injected everywhere, so that tests move time instead of sleeping. */
export type Clock = () => Date

export const systemClock: Clock = () => new Date()

/** Whole seconds since 1970, the resolution of every time inside a certificate, CRL or OCSP response. */
export function epochSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}

/** Seconds since 1970 as people read them: RFC 3339, UTC. */
export function rfc3339(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
}
