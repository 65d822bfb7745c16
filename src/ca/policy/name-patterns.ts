import { isIP } from 'node:net'
import { CaError } from '../../errors.ts'
import { normaliseDns } from '../../pki/names/dns.ts'
import { normaliseIp } from '../../pki/names/ip.ts'
import type { SubjectName } from '../../pki/names/san.ts'
import { inNetworks, underSuffix } from './name-ranges.ts'

/**
 * What an admin allows: "example.test" for that domain and all below it, a network such as
 * "10.0.0.0/8", or one address. The one spelling of it; throws `CaError` "badName".
 */
export function readNamePattern(text: string): string {
  if (isIP(text)) return normaliseIp(text)
  const [, base, bits] = /^([0-9A-Fa-f.:]+)\/([0-9]{1,3})$/.exec(text) ?? []
  if (base === undefined) {
    if (text.startsWith('*.')) {
      throw new CaError(
        'badName',
        `"${text.slice(0, 80)}" is no domain: say it without "*.", which allows all names below it too.`,
      )
    }
    return normaliseDns(text)
  }
  if (!isIP(base) || Number(bits) > (isIP(base) === 6 ? 128 : 32)) {
    throw new CaError('badName', `"${text.slice(0, 80)}" is no network such as "10.0.0.0/8".`)
  }
  return `${normaliseIp(base)}/${Number(bits)}`
}

/** Whether a name is within what a pattern allows; e-mail addresses and URIs are within none. */
export function fitsPattern({ type, value }: SubjectName, pattern: string): boolean {
  if (type === 'dns') return !isIP(pattern) && !pattern.includes('/') && underSuffix(value, [pattern])
  if (type !== 'ip') return false
  return pattern.includes('/') ? inNetworks(value, [pattern]) : pattern === value
}
