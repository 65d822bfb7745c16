import type { AuditEntry, CrlRecord } from './commands.ts'

/** What becomes of authorities. Times are seconds since 1970. */
export interface AuthorityCommands {
  recordAuthority: { input: AuthorityRecord; output: Record<never, never> }
  installAuthority: { input: AuthorityInstallation; output: Record<never, never> }
  changeAuthority: { input: AuthorityChange; output: Record<never, never> }
  installRoots: { input: RootInstallation; output: Record<never, never> }
  removeCrossCertificate: {
    input: { certificate: Uint8Array; audit: AuditEntry }
    output: { changed: boolean }
  }
  changePhases: { input: PhaseChange; output: Record<never, never> }
}

/** "intermediate": between an issuing authority and its root. As a root's, its key is elsewhere, and its CRLs are brought. */
export type AuthorityRole = 'root' | 'intermediate' | 'issuing'

/** A new authority; "conflict" if the id is taken. */
export interface AuthorityRecord {
  id: string
  role: AuthorityRole
  /** "pending": key and CSR exist, the certificate does not yet. */
  state: 'pending' | Phase
  isDefault: boolean
  certificate: Uint8Array | null
  /** DER certificates above it, nearest issuer first, root last. */
  chain: readonly Uint8Array[]
  csr: Uint8Array | null
  /** Relative to the data directory; null where the service holds no key (the root). */
  keyFile: string | null
  /** "sha256" | "sha384" | "sha512", or null for algorithms that hash by themselves. */
  hash: string | null
  createdAt: number
  /** The id of the authority whose place it is to take. */
  replaces: string | null
  audit: AuditEntry
}

/**
 * "staged": published in bundles, makes its CRLs and answers OCSP, but issues nothing yet; "active": issues; "retired": issues no
 * more, and answers for what it issued. A retired root is in no bundle.
 */
export type Phase = 'staged' | 'active' | 'retired'

/**
 * The proven certificate of an issuing authority, and the chain above it. One that waited for it becomes active, and the
 * default if there is none; where it is to take another's place it becomes staged. Otherwise the state stays.
 */
export interface AuthorityInstallation {
  id: string
  /** The certificate that the new one was compared with; "conflict" if the record has another by now. */
  replaces: Uint8Array | null
  certificate: Uint8Array
  chain: readonly Uint8Array[]
  /** Those of the chain, each recorded under the first of these ids that is free, unless its certificate is on record already. */
  above: readonly {
    ids: readonly string[]
    role: 'root' | 'intermediate'
    certificate: Uint8Array
    chain: readonly Uint8Array[]
    /** One that is here already, of the same CA by another certificate. */
    crl: Omit<CrlRecord, 'authority' | 'audit'> | null
  }[]
  installedAt: number
  audit: AuditEntry
}

/** Of an issuing authority that has its certificate. Refused if it would leave no default that can issue. */
export interface AuthorityChange {
  id: string
  /** Makes it the one that issues where a request names none. */
  isDefault?: true | undefined
  /** A retired authority issues no more; its CRL and OCSP answers go on until its certificate ends. */
  state?: 'active' | 'retired' | undefined
  audit: AuditEntry
}

/** Roots with their CRLs, and cross-certificates, proven: all of it or nothing. What is on record already stays. */
export interface RootInstallation {
  roots: readonly { id: string; certificate: Uint8Array; crl: Omit<CrlRecord, 'authority' | 'audit'> }[]
  /** Of roots that are on record. */
  crls: readonly Omit<CrlRecord, 'audit'>[]
  /** `subject` and `issuer`: the ids of the authorities. */
  crossCertificates: readonly { certificate: Uint8Array; subject: string; issuer: string }[]
  /** Seconds since 1970. */
  at: number
  audit: AuditEntry
}

/** Several authorities at once. "conflict" where one is no longer in the state in which it was found. */
export interface PhaseChange {
  moves: readonly {
    id: string
    from: Phase
    to: Phase
    /** Whether it comes to stand in bundles anew: it answered for nothing any more. */
    comesBack?: boolean
  }[]
  /** The authority that becomes the default; null leaves the default where it is. */
  default: string | null
  /** Seconds since 1970. */
  at: number
  audit: AuditEntry
}
