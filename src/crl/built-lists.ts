import { type CrlFields, crlTbsParts } from '../pki/crl/list.ts'
import { type Roomy, roomyCopy } from '../pki/signed.ts'
import type { CrlScope } from '../store/commands.ts'
import type { Entries, ScopeEntries } from '../store/crl-entries.ts'

/** The lists of one state of the database that are wanted. */
export interface BuildRequest {
  readonly scope: CrlScope
  /** `notAfterFloor`: certificates that expired before are left out. Seconds since 1970. */
  readonly full: { readonly notAfterFloor: number; readonly fields: CrlHead } | null
  /** `since`: the newest change that is in the base; null where the base is what is being built. */
  readonly delta: { readonly since: number | null; readonly fields: CrlHead } | null
}

/** All of a CRL but its entries. */
export type CrlHead = Omit<CrlFields, 'entries'>

/** A TBSCertList. */
export interface BuiltTbs extends Roomy {
  readonly count: number
}

export interface Built {
  readonly full: BuiltTbs | null
  readonly delta: BuiltTbs | null
  /** The newest change that they know of. */
  readonly through: number
}

const NO_ENTRIES: Entries = { count: 0, der: [] }

/** The lists of a scope in which nothing was ever revoked. */
export const NOTHING_REVOKED: ScopeEntries = { full: NO_ENTRIES, delta: NO_ENTRIES, through: 0 }

export function encodeLists({ full, delta }: BuildRequest, read: ScopeEntries): Built {
  return {
    full: full && encoded(full.fields, read.full!),
    delta: delta && encoded(delta.fields, read.delta!),
    through: read.through,
  }
}

function encoded(fields: CrlHead, { count, der }: Entries): BuiltTbs {
  return { count, ...roomyCopy(crlTbsParts(fields, der)) }
}
