import { CaError } from '../../errors.ts'
import { quoted } from './quoted.ts'

/** `reason` continues "The DNS name "x" ...". What was sent is quoted so that it cannot forge a log line. */
export function badName(kind: string, value: string, reason: string): CaError {
  return new CaError('badName', `The ${kind} ${quoted(value)} ${reason}.`)
}
