import { isIP } from 'node:net'
import { inNetworks, underSuffix } from '../ca/policy/names.ts'
import { CaError } from '../errors.ts'
import { normaliseDns } from '../pki/names/dns.ts'
import { normaliseIp } from '../pki/names/ip.ts'
import { nameText, type SubjectName } from '../pki/names/san.ts'
import type { AcmeAccountRow } from '../store/acme-queries.ts'

/**
 * What an external account's key may allow: "example.test" for that domain and all below it, a network such as
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

/** Refuses names that the account's external key leaves out; all at once, as policy does. */
export function checkExternalNames(names: readonly SubjectName[], { external }: AcmeAccountRow): void {
  const patterns = external?.names
  if (!patterns) return
  const outside = names.filter((name) => !patterns.some((pattern) => fits(name, pattern)))
  if (outside.length === 0) return
  const detail = `The account's external key allows other names: ${patterns.join(', ')}.`
  throw new CaError('nameNotAllowed', `${outside.map(nameText).join(', ')}: ${detail}`, {
    subproblems: outside.map((name) => ({ code: 'nameNotAllowed', subject: nameText(name), detail })),
  })
}

function fits({ type, value }: SubjectName, pattern: string): boolean {
  if (type === 'dns') return !isIP(pattern) && !pattern.includes('/') && underSuffix(value, [pattern])
  if (type !== 'ip') return false
  return pattern.includes('/') ? inNetworks(value, [pattern]) : pattern === value
}
