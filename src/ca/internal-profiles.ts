import type { Config } from '../config/config.ts'
import type { Profile } from '../config/profile-schema.ts'
import type { KeyType } from '../pki/keys/algorithms.ts'

/** The profiles that only the service itself may use: for its own TLS certificate, OCSP responders, and what signs the audit log. */
export const SERVICE_PROFILE = 'chancery-tls'
export const RESPONDER_PROFILE = 'chancery-ocsp'
export const AUDIT_PROFILE = 'chancery-audit'

export function isInternal(profile: string): boolean {
  return profile === SERVICE_PROFILE || profile === RESPONDER_PROFILE || profile === AUDIT_PROFILE
}

/** Those of the configuration, by name, and these. */
export function withInternal({ profiles, tls }: Pick<Config, 'profiles' | 'tls'>): Map<string, Profile> {
  const all = new Map(Object.entries<Profile>(profiles))
  for (const own of [serviceProfile(tls), RESPONDER_PROFILE_OPTIONS, AUDIT_PROFILE_OPTIONS])
    all.set(own.name, own)
  return all
}

const COMMON = {
  keyUsage: ['digitalSignature'],
  commonName: 'none',
  extensions: 'refuse',
  mustStaple: false,
  policies: [],
  renewal: false,
  approval: 'none',
} as const

/** What the service certifies for its own listener. */
function serviceProfile({ validity: life, chain }: Pick<Config['tls'], 'validity' | 'chain'>): Profile {
  return {
    ...(chain === undefined ? {} : { chain }),
    ...COMMON,
    name: SERVICE_PROFILE,
    description: 'The service’s own TLS certificate.',
    extendedKeyUsage: ['serverAuth'],
    validity: { default: life, maximum: life, backdate: 300 },
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
    subject: [],
    crlDistributionPoint: true,
    authorityInformation: true,
    noRevocation: false,
  }
}

const RESPONDER_KEYS: readonly KeyType[] = ['P-256', 'P-384', 'RSA-3072', 'Ed25519']

/**
 * A delegated OCSP responder (RFC 6960 4.2.2.2): OCSPSigning and nocheck, no name but its subject, and nothing that says
 * where its own status is, since nobody shall ask.
 */
const RESPONDER_PROFILE_OPTIONS: Profile = {
  ...COMMON,
  name: RESPONDER_PROFILE,
  description: 'A delegated OCSP responder.',
  extendedKeyUsage: ['OCSPSigning'],
  // Each request says for how long.
  validity: { default: 86_400, maximum: 10 * 365 * 86_400, backdate: 300 },
  keyTypes: RESPONDER_KEYS,
  names: {
    types: [],
    required: [],
    maximum: 1,
    dns: { wildcards: false },
    ip: {},
    email: {},
    uri: { single: false },
  },
  subject: [{ type: 'CN', value: 'OCSP responder' }],
  crlDistributionPoint: false,
  authorityInformation: false,
  noRevocation: false,
}

/** Document signing (RFC 9336): no TLS peer takes it, and no built-in profile gives it. */
export const AUDIT_PURPOSE = '1.3.6.1.5.5.7.3.36'
export const AUDIT_SUBJECT = 'Chancery audit log'

/** What signs heads of the audit log. It outlives many of them, and its successor takes over at two thirds of its life. */
const AUDIT_PROFILE_OPTIONS: Profile = {
  ...RESPONDER_PROFILE_OPTIONS,
  name: AUDIT_PROFILE,
  description: 'Signs the audit log.',
  extendedKeyUsage: [AUDIT_PURPOSE],
  validity: { default: 365 * 86_400, maximum: 365 * 86_400, backdate: 300 },
  keyTypes: ['P-256'],
  subject: [{ type: 'CN', value: AUDIT_SUBJECT }],
  crlDistributionPoint: true,
  authorityInformation: true,
}
