import type { Principal } from './principal.ts'

/** Somebody whom an OpenID provider vouches for, with the role that the configuration gives for its word. */
export interface VouchedFor {
  /** As people know it. */
  readonly name: string
  readonly principal: Principal
}

/** A sign-in that was begun: all of it stays with the browser until it comes back, sealed. */
export interface BegunSignIn {
  readonly state: string
  readonly nonce: string
  /** Of PKCE (RFC 7636). */
  readonly verifier: string
}

/** Sign-in by OpenID Connect. Everything throws `CaError` "unauthenticated", "forbidden" for who has no role, "providerFailed". */
export interface OpenIdSignIn {
  /** Where to send the browser. */
  begin(): Promise<{ url: string; begun: BegunSignIn }>
  /** "overloaded" too, where as many as may be are under way. */
  finish(code: string, begun: BegunSignIn): Promise<VouchedFor>
  /** An access token in the place of an admin key. */
  bearer(token: string): Promise<Principal>
  /** Whether access tokens are taken at all. */
  readonly takesBearers: boolean
}
