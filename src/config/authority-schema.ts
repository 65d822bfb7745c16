import type { StaticDecode } from 'typebox'
import Type from '../schema/build.ts'
import { choice, duration, flag } from './option.ts'

/** How OCSP is answered, for all authorities (`ocsp`) or for one (`authorities.<id>.ocsp`). */
export const AuthorityOcspOptions = Type.Object({
  validity: duration({
    default: '12h',
    // Half of it must outlast the 10 minutes that HAProxy wants to find left at any fetch.
    minimum: 1200,
    description:
      'From thisUpdate to nextUpdate of an OCSP response: also the time for which a stapled “good” outlives a revocation. HAProxy wants more than 10 minutes left at any fetch.',
  }),
  signer: choice(['authority', 'delegated'], {
    default: 'authority',
    description:
      'Who signs: the authority’s own key, or a responder whose certificate (OCSPSigning, nocheck) the authority issues. With `delegated`, HAProxy and nginx need the root in the certificate file.',
  }),
  responderValidity: duration({
    default: '7d',
    minimum: 3600,
    description:
      'Life of a delegated responder’s certificate, which renews itself at two thirds; at least three times `ocsp.validity`.',
  }),
  responderKeyType: choice(['P-256', 'P-384', 'RSA-3072', 'Ed25519'], {
    default: 'P-256',
    description: 'Key of a delegated responder.',
  }),
  responderId: choice(['key', 'name'], {
    default: 'key',
    description: 'How a response names who signed it: by the hash of the key, or by the subject.',
  }),
  neverIssued: choice(['unauthorized', 'unknown'], {
    default: 'unauthorized',
    description:
      'The answer about a serial number that was never issued: unsigned `unauthorized`, or a signed status `unknown`, which GnuTLS lets pass and which costs a signature each.',
  }),
  expired: choice(['answer', 'unauthorized'], {
    default: 'answer',
    description: 'Whether expired certificates still have a status.',
  }),
  archiveCutoff: Type.Optional(
    duration({
      description:
        'How long after its expiry a certificate still has a status; responses then carry the archive cutoff (RFC 6960 4.4.4). Absent: for as long as its authority answers, and no such extension. No authority answers beyond that time: until its own certificate ends, and a retired one until 7 days after its last certificate has.',
    }),
  ),
})

/** How CRLs are made, for all authorities (`crl`) or for one (`authorities.<id>.crl`). */
export const AuthorityCrlOptions = Type.Object({
  validity: duration({
    default: '7d',
    minimum: 60,
    description: 'From thisUpdate to nextUpdate of a full CRL.',
  }),
  refresh: duration({
    default: '1d',
    minimum: 10,
    description: 'How often a full CRL is made anew without any revocation; shorter than `crl.validity`.',
  }),
  delta: flag({
    default: false,
    description:
      'Whether delta CRLs are published beside the full ones, which then point to them (freshestCRL). A delta fits full CRLs from its base on, which moves each `crl.refresh`; who holds an older one fetches that anew. Needs `publicUrl` or a fixed `httpPort`.',
  }),
  deltaValidity: duration({
    default: '1h',
    minimum: 60,
    description: 'From thisUpdate to nextUpdate of a delta CRL.',
  }),
  deltaRefresh: duration({
    default: '20m',
    minimum: 10,
    description:
      'How often a delta CRL is made anew without any revocation; shorter than `crl.deltaValidity`.',
  }),
  onRevocation: choice(['full', 'delta'], {
    default: 'full',
    description:
      'What a revocation makes at once: the full CRL (and the delta), or the delta alone, the full one following at its time. Proxies read full CRLs only: `delta` is for lists of many megabytes.',
  }),
  partitions: Type.Integer({
    minimum: 1,
    maximum: 1024,
    default: 1,
    description:
      'Over how many CRLs the certificates issued from now on are spread, by a hash of the serial number; each names its own. The full CRL is made all the same. May be changed at any time. Needs `publicUrl` or a fixed `httpPort`.',
  }),
  warnOver: Type.Integer({
    minimum: 1024,
    maximum: 1_000_000_000,
    default: 1_048_576,
    description: 'Octets of DER above which a CRL is warned about: a Kubernetes Secret holds 1 MiB.',
  }),
})

export const AuthorityOptions = Type.Object({
  ocsp: Type.Optional(AuthorityOcspOptions),
  crl: Type.Optional(AuthorityCrlOptions),
})

export type OcspOptions = StaticDecode<typeof AuthorityOcspOptions>
export type CrlOptions = StaticDecode<typeof AuthorityCrlOptions>
