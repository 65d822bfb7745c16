import type { Finding, Specimen } from './pkilint.ts'

/** A finding that is no fault. docs/conformance.md says why, in a row that begins with the same code and words. */
export interface Explained {
  readonly code: string
  readonly what: string
  readonly kind: Specimen['kind']
  /** Of these specimens alone; absent: of any. */
  readonly specimen?: RegExp
  /** With such messages alone; absent: with any, or none. */
  readonly message?: RegExp
}

export const EXPLAINED: readonly Explained[] = [
  {
    code: 'pkix.invalid_domain_name_syntax',
    what: 'a DNS name of one label',
    kind: 'certificate',
    message: /: "(?:web|localhost)"$/,
  },
  {
    code: 'pkix.invalid_domain_name_syntax',
    what: 'a wildcard',
    kind: 'certificate',
    message: /: "\*\.example\.test"$/,
  },
  {
    code: 'pkix.invalid_uri_syntax',
    what: 'a SPIFFE ID',
    kind: 'certificate',
    message: /: "spiffe:\/\/example\.test\/[^"]+"$/,
  },
  { code: 'pkix.invalid_uri_syntax', what: 'a URN', kind: 'certificate', message: /: "urn:uuid:[^"]+"$/ },
  {
    code: 'pkix.authority_key_id_extension_missing',
    what: 'a root below itself',
    kind: 'chain',
    specimen: /^(?:the default root|root [a-z0-9-]+)$/,
  },
]

export function explains(explained: Explained, specimen: Specimen, finding: Finding): boolean {
  const { code, kind, specimen: name, message } = explained
  return (
    code === finding.code &&
    kind === specimen.kind &&
    (name?.test(specimen.name) ?? true) &&
    (message?.test(finding.message ?? '') ?? true)
  )
}
