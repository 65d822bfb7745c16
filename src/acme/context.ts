import type { Principal } from '../auth/principal.ts'
import type { Authorities } from '../ca/authorities.ts'
import type { Issuer } from '../ca/issue.ts'
import type { Revoker } from '../ca/revoke.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { Profile } from '../config/profile-schema.ts'
import type { AcmeAccountRow } from '../store/acme-queries.ts'
import type { Store } from '../store/store.ts'
import type { AccountKey } from './jws/jwk.ts'
import type { SealedSecrets } from './sealed-secrets.ts'

/** What ACME stands on. */
export interface AcmeContext {
  readonly store: Store
  readonly clock: Clock
  readonly config: Config['acme']
  readonly profiles: ReadonlyMap<string, Profile>
  readonly authorities: Authorities
  readonly issuer: Issuer
  readonly revoker: Revoker
  /** For the keys of external accounts. */
  readonly secrets: SealedSecrets
}

/** A valid account, whose key was proven by the request at hand. */
export interface Holder {
  readonly account: AcmeAccountRow
  readonly key: AccountKey
  /** As the client knows it: it is part of some challenges. */
  readonly accountUrl: string
}

/** By this name an account stands in the certificates that it ordered. */
export function accountPrincipal(accountId: number): Extract<Principal, { kind: 'account' }> {
  return { kind: 'account', id: `account:${accountId}`, accountId, order: null }
}
