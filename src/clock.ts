/** The only source of "now". Injected everywhere, so that tests move time instead of sleeping. */
export type Clock = () => Date

export const systemClock: Clock = () => new Date()

/** Whole seconds since 1970, the resolution of every time inside a certificate, CRL or OCSP response. */
export function epochSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}
