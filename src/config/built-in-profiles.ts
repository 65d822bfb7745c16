import { TLS_KEY_TYPES } from '../pki/keys/algorithms.ts'

/** secp256k1 is no curve of TLS or of the Baseline Requirements: a profile must ask for it. */
const keyTypes = TLS_KEY_TYPES

/**
 * The profiles that are always there, written as the file would write them. keyEncipherment is left out for RSA
 * keys as well: only the key exchange that TLS 1.3 removed needs it.
 */
export const BUILT_IN_PROFILES: Readonly<Record<string, Record<string, unknown>>> = {
  server: {
    description: 'A TLS server',
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['serverAuth'],
    // 398 days: what browsers took at most for years, and still a bound that few server certificates need.
    validity: { default: '90d', maximum: '398d' },
    keyTypes,
    names: { types: ['dns', 'ip'] },
  },
  client: {
    description: 'A TLS client',
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['clientAuth'],
    validity: { default: '90d', maximum: '398d' },
    keyTypes,
    names: { types: ['dns', 'email', 'uri'] },
  },
  peer: {
    description: 'A TLS server and client at once, as the members of a cluster are',
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['serverAuth', 'clientAuth'],
    validity: { default: '90d', maximum: '398d' },
    keyTypes,
    names: { types: ['dns', 'ip', 'uri'] },
  },
  spiffe: {
    description: 'An X.509-SVID: one SPIFFE ID and no common name',
    keyUsage: ['digitalSignature'],
    // X509-SVID 4.4: with either purpose present, both must be.
    extendedKeyUsage: ['serverAuth', 'clientAuth'],
    validity: { default: '1h', maximum: '24h' },
    keyTypes,
    names: {
      types: ['uri'],
      required: ['uri'],
      maximum: 1,
      // X509-SVID 3.1: a leaf's ID has a path; a bare trust domain names the authority.
      uri: { patterns: ['spiffe://*/**'], single: true },
    },
    commonName: 'none',
  },
  'short-lived': {
    description:
      'Lives too short for revocation to matter: says so (noRevAvail), and names no CRL or OCSP responder',
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['serverAuth', 'clientAuth'],
    // Seven days: the bound under which CAs may leave out revocation (Baseline Requirements 1.6.1).
    validity: { default: '24h', maximum: '7d' },
    keyTypes,
    names: { types: ['dns', 'ip', 'uri'] },
    crlDistributionPoint: false,
    noRevocation: true,
  },
}
