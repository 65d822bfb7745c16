import { createHash, randomBytes } from 'node:crypto'
import { createLocalJWKSet, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import type { BegunSignIn, OpenIdSignIn, VouchedFor } from '../auth/openid.ts'
import type { Principal } from '../auth/principal.ts'
import { highestRole } from '../auth/roles.ts'
import type { Clock } from '../clock.ts'
import type { OidcOptions } from '../config/oidc-schema.ts'
import { CaError } from '../errors.ts'
import type { Role } from '../store/commands.ts'
import { failed, fetchJson, Provider } from './provider.ts'
import { RETRY } from './refetched.ts'

/** By how much the provider's clock may differ. Seconds. */
const TOLERANCE = 30

/** Longer than any `sub` may be (OpenID Connect Core 2); longer names are cut. */
const LONGEST_NAME = 255

/** Codes that the provider is asked about at once. Strangers can make them up, and each holds a connection for as long as it lasts. */
const MOST_AT_ONCE = 32

interface SignInContext {
  readonly options: OidcOptions
  readonly clientSecret: string | null
  readonly clock: Clock
}

/** Sign-in with the authorization code flow (OpenID Connect Core 3.1) and PKCE, and access tokens as bearers. */
export function openIdSignIn({ options, clientSecret, clock }: SignInContext): OpenIdSignIn {
  const { issuer = '', clientId = '', callback = '', audience } = options
  const provider = new Provider(issuer, clock)
  let underWay = 0

  async function verified(token: string, wish: JWTVerifyOptions): Promise<JWTPayload> {
    const rules = {
      ...wish,
      issuer,
      algorithms: [...options.algorithms],
      currentDate: clock(),
      clockTolerance: TOLERANCE,
    }
    const attempt = async (isNewer: boolean) => {
      const keys = createLocalJWKSet(
        (await provider.keys(isNewer)) as Parameters<typeof createLocalJWKSet>[0],
      )
      return (await jwtVerify(token, keys, rules)).payload
    }
    try {
      return await attempt(false).catch((error: unknown) => {
        if (isOfUnknownKey(error)) return attempt(true)
        throw error
      })
    } catch (cause) {
      if (cause instanceof CaError) throw cause
      throw new CaError(
        'unauthenticated',
        `The token of the OpenID provider is not good: ${faultOf(cause)}.`,
        {
          cause,
        },
      )
    }
  }

  function vouchedFor(claims: JWTPayload): VouchedFor {
    const { sub } = claims
    if (!sub || sub.length > LONGEST_NAME || !/^[\x20-\x7e]+$/.test(sub))
      throw new CaError('unauthenticated', 'The OpenID provider names nobody.')
    // At many providers people set their own address, be it somebody else's (OpenID Connect Core 5.7).
    if (options.roleClaim === 'email' && claims.email_verified !== true)
      throw new CaError('forbidden', 'The OpenID provider does not say that it has verified the address.')
    const role = roleOf(claims[options.roleClaim])
    if (!role) {
      throw new CaError(
        'forbidden',
        `The OpenID provider gives ${JSON.stringify(sub)} no value of "${options.roleClaim}" that has a role here.`,
      )
    }
    const name = claims[options.nameClaim]
    return {
      name: typeof name === 'string' && name ? name.slice(0, LONGEST_NAME).toWellFormed() : sub,
      principal: { kind: role, id: `oidc:${sub}` },
    }
  }

  function roleOf(claim: unknown): Role | null {
    const values = Array.isArray(claim) ? claim : [claim]
    const roles = values.flatMap((value) =>
      typeof value === 'string' && Object.hasOwn(options.roles, value) ? [options.roles[value]!] : [],
    )
    return highestRole(roles)
  }

  return {
    takesBearers: audience !== undefined,

    async begin() {
      const { authorization_endpoint } = await provider.metadata()
      const begun = { state: random(), nonce: random(), verifier: random() }
      const url = new URL(authorization_endpoint)
      for (const [name, value] of Object.entries({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: callback,
        scope: options.scopes.join(' '),
        state: begun.state,
        nonce: begun.nonce,
        code_challenge: createHash('sha256').update(begun.verifier).digest('base64url'),
        code_challenge_method: 'S256',
      }))
        url.searchParams.set(name, value)
      return { url: url.href, begun }
    },

    async finish(code: string, { nonce, verifier }: BegunSignIn): Promise<VouchedFor> {
      const { token_endpoint } = await provider.metadata()
      if (underWay >= MOST_AT_ONCE)
        throw new CaError('overloaded', 'Too many sign-ins are under way. Try again.', { retryAfter: RETRY })
      const form = new URLSearchParams({
        ...{ grant_type: 'authorization_code', code, redirect_uri: callback },
        ...{ client_id: clientId, code_verifier: verifier },
      })
      const headers = clientSecret === null ? {} : { authorization: basic(clientId, clientSecret) }
      underWay++
      const { id_token: token } = (await fetchJson(token_endpoint, { form, headers }).finally(() => {
        underWay--
      })) as { id_token?: unknown }
      if (typeof token !== 'string') throw failed('It gave no ID token.')
      const claims = await verified(token, {
        audience: clientId,
        requiredClaims: ['exp', 'iat', 'sub', 'nonce'],
      })
      // Core 3.1.3.7: a token for several must say that it was issued to us.
      const isForOthers = Array.isArray(claims.aud) && claims.aud.length > 1 && claims.azp !== clientId
      if (claims.nonce !== nonce || isForOthers || (claims.azp !== undefined && claims.azp !== clientId))
        throw new CaError('unauthenticated', 'The ID token was not made for this sign-in.')
      return vouchedFor(claims)
    },

    async bearer(token: string): Promise<Principal> {
      if (audience === undefined)
        throw new CaError('unauthenticated', 'Access tokens of an OpenID provider are not taken here.')
      const claims = await verified(token, { audience, requiredClaims: ['exp', 'sub'] })
      return vouchedFor(claims).principal
    },
  }
}

/** A provider with one key need not name it (OpenID Connect Core 10.1), and some give the next one the name of the last. */
function isOfUnknownKey(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed
}

/** For whoever sets this up, since no log says it. Claims are looked at behind the signature: who makes a token up hears nothing of them. */
function faultOf(cause: unknown): string {
  if (cause instanceof errors.JWTExpired) return 'it has expired'
  if (cause instanceof errors.JWTClaimValidationFailed) return `"${cause.claim}" is not what is wanted here`
  if (cause instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is not among oidc.algorithms'
  return isOfUnknownKey(cause) ? 'none of the keys of the provider signed it' : 'it cannot be read'
}

/** 256 random bits. */
function random(): string {
  return randomBytes(32).toString('base64url')
}

/** RFC 6749 2.3.1: both are form-encoded first. */
function basic(name: string, secret: string): string {
  const encoded = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
  return `Basic ${Buffer.from(`${encoded(name)}:${encoded(secret)}`).toString('base64')}`
}
