import type { Profile } from '../config/profile-schema.ts'
import { SERVICE_PROFILE } from './policy/grant.ts'

/** What the service certifies for its own listener. The configuration says for how long. */
export const SERVICE_PROFILE_OPTIONS: Profile = {
  name: SERVICE_PROFILE,
  description: 'The service’s own TLS certificate.',
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['serverAuth'],
  validity: { default: 30 * 86_400, maximum: 30 * 86_400, backdate: 300 },
  keyTypes: ['P-256'],
  names: {
    types: ['dns', 'ip'],
    required: [],
    maximum: 100,
    dns: { wildcards: true },
    ip: {},
    email: {},
    uri: { single: false },
  },
  commonName: 'none',
  subject: [],
  extensions: 'refuse',
  mustStaple: false,
  policies: [],
  crlDistributionPoint: true,
  authorityInformation: true,
  noRevocation: false,
  renewal: false,
}
