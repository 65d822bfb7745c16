import type { SubjectName } from '../pki/names/san.ts'
import type { Role } from '../store/commands.ts'

/**
 * Who is asking, as established by `auth/`. `id` is what the store records with each certificate
 * and audit row: "admin:default", "token:17", "account:17", "certificate:4f…", "system:tls".
 */
export type Principal =
  | RoleHolder<'admin'>
  | RoleHolder<'operator'>
  | RoleHolder<'auditor'>
  | { readonly kind: 'token'; readonly id: string; readonly token: TokenGrant }
  /** The holder of an ACME account's key; `order` where it asks for the certificate of one. */
  | {
      readonly kind: 'account'
      readonly id: string
      readonly accountId: number
      readonly order: OrderGrant | null
      /** The serial number of the certificate that it has ordered, or over all of whose names it has shown control. */
      readonly revocable?: string
    }
  /** The holder of a certificate of this CA, who proved its key in the TLS handshake. */
  | {
      readonly kind: 'certificate'
      readonly id: string
      readonly serialNumber: string
      /** That the configuration gives it: over REST it may do more than act for itself. */
      readonly role?: Role
    }
  /** Known over EST, by a password or by a certificate. */
  | { readonly kind: 'enrollee'; readonly id: string; readonly grant: EnrolleeGrant }
  /** The service itself: its own TLS certificate. */
  | { readonly kind: 'system'; readonly id: string }

/** The holder of an admin key, or of a certificate that the configuration gives a role. */
interface RoleHolder<R extends Role> {
  readonly kind: R
  readonly id: string
  /** The number of the admin key. */
  readonly keyId?: number
}

/** What a one-time enrolment token allows. */
export interface TokenGrant {
  readonly tokenId: number
  readonly profile: string
  /** Every name asked for must be among these. */
  readonly names: readonly SubjectName[]
  /** Seconds since 1970. */
  readonly expiresAt: number
  /** The serial number of the certificate that used it up; it may only fetch that one again. */
  readonly spentOn: string | null
  /** The request for approval that it was used for; it may ask for nothing else. */
  readonly requestId: number | null
}

/** What somebody who is known over EST may enrol: any of these names, and whatever fits one of these patterns. */
export interface EnrolleeGrant {
  readonly profile: string
  readonly names: readonly SubjectName[]
  /** As `readNamePattern` gives them. */
  readonly patterns: readonly string[]
}

/** What an ACME order allows, all of whose identifiers are authorised. */
export interface OrderGrant {
  readonly orderId: number
  /** When policy granted it, seconds since 1970: a notBefore that was right then is right still. */
  readonly grantedAt: number
  readonly profile: string
  readonly names: readonly SubjectName[]
}

/** Where a request came from, for the audit log; by which protocol, for the metrics. */
export interface Origin {
  readonly address: string
  readonly requestId: string
  /** Absent where the application that embeds the CA asks. */
  readonly protocol?: Protocol
}

/** "system": the service itself. */
export type Protocol = 'rest' | 'acme' | 'est' | 'system'
