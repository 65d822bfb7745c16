import { isIP } from 'node:net'
import { hostname } from 'node:os'
import type { Config } from '../config/config.ts'
import { CaError } from '../errors.ts'
import { isOutside } from '../pki/certificate/name-constraints.ts'
import { normaliseName } from '../pki/names/normalise.ts'
import { nameText, type SubjectName } from '../pki/names/san.ts'
import type { Authority } from './authority.ts'

/** Every name under which this listener is likely to be reached. */
export function serviceNames(
  config: Pick<Config, 'host' | 'publicUrl' | 'tls'>,
  { id, nameLimits }: Pick<Authority, 'id' | 'nameLimits'>,
): SubjectName[] {
  const texts = ['localhost', hostname(), '127.0.0.1', '::1', config.host, ...config.tls.names]
  if (config.publicUrl) texts.push(new URL(config.publicUrl).hostname.replace(/^\[|\]$/g, ''))
  const names = new Map<string, SubjectName>()
  for (const text of texts) {
    if (text === '0.0.0.0' || text === '::') continue
    try {
      const name = normaliseName(isIP(text) ? 'ip' : 'dns', text)
      // A name that the authority may not certify would make the whole certificate worthless.
      if (!nameLimits.some((limits) => isOutside(name, limits))) names.set(nameText(name), name)
    } catch (error) {
      // A host name such as "my_laptop" cannot stand in a certificate; the configured names were checked before.
      if (!(error instanceof CaError)) throw error
    }
  }
  if (names.size === 0) {
    throw new CaError(
      'badConfiguration',
      `The name constraints of authority "${id}" leave the service no name for its own certificate: add one that they permit to tls.names.`,
    )
  }
  return [...names.values()]
}
