import { CaError } from '../errors.ts'
import type { Service } from '../service.ts'

/** In plain JavaScript it may be missing, or still be the promise of one. */
export function refuseUnopened(service: Service | undefined): void {
  if (typeof service?.close === 'function') return
  throw new CaError('badConfiguration', 'Give as "service" what openChancery resolves to: await it first.')
}
