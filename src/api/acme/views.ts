import type { AccountWish } from '../../acme/accounts.ts'
import { authorizationStatus } from '../../acme/authorization-status.ts'
import { identifierOf } from '../../acme/identifier.ts'
import { rfc3339 } from '../../clock.ts'
import type {
  AcmeAccountRow,
  AcmeAuthorizationRow,
  AcmeChallengeRow,
  AcmeOrderRow,
} from '../../store/acme-queries.ts'
import type { AcmeUrls } from './urls.ts'

/** RFC 8555 7.1.2. */
export function showAccount(account: AcmeAccountRow, urls: AcmeUrls): AccountWish {
  return {
    status: account.status,
    ...(account.contacts.length > 0 ? { contact: account.contacts } : {}),
    ...(account.termsAgreedAt === null ? {} : { termsOfServiceAgreed: true }),
    ...(account.externalBinding === null
      ? {}
      : { externalAccountBinding: JSON.parse(account.externalBinding) }),
    orders: urls.orders(account.accountId),
  }
}

/** RFC 8555 7.1.3, RFC 9773 5, draft-ietf-acme-profiles. `status` is the current one. */
export function showOrder(order: AcmeOrderRow, urls: AcmeUrls) {
  return {
    status: order.status,
    expires: rfc3339(order.expiresAt),
    identifiers: order.identifiers.map(identifierOf),
    ...(order.profileAsked ? { profile: order.profile } : {}),
    ...(order.notBefore === null ? {} : { notBefore: rfc3339(order.notBefore) }),
    ...(order.notAfter === null ? {} : { notAfter: rfc3339(order.notAfter) }),
    ...(order.replaces === null ? {} : { replaces: order.replaces }),
    authorizations: order.authorizations.map((id) => urls.authorization(id)),
    finalize: urls.finalize(order.orderId),
    ...(order.serialNumber === null ? {} : { certificate: urls.certificate(order.serialNumber) }),
    ...(order.error === null ? {} : { error: JSON.parse(order.error) }),
  }
}

/** What the record of dns-persist-01 may name. */
export interface PersistTerms {
  readonly issuers: readonly string[]
  /** The account's URL, where the record may name that; else null. */
  readonly accountUrl: string | null
}

/** RFC 8555 7.1.4, RFC 9444 4.1. `now` in seconds since 1970; `terms` as for a challenge. */
export function showAuthorization(
  authorization: AcmeAuthorizationRow,
  urls: AcmeUrls,
  now: number,
  terms: PersistTerms,
) {
  const { challenges, identifier, wildcard, subdomains, expiresAt } = authorization
  const status = authorizationStatus(authorization, now)
  // RFC 8555 7.1.4: of one that is settled, only the challenge that settled it. Of one that is open, all: those under way too.
  const settled = status === 'pending' ? [] : challenges.filter((challenge) => challenge.status === status)
  return {
    identifier: identifierOf(identifier),
    status,
    expires: rfc3339(expiresAt),
    challenges: (settled.length > 0 ? settled : challenges).map((one) => showChallenge(one, urls, terms)),
    ...(wildcard ? { wildcard } : {}),
    ...(subdomains ? { subdomainAuthAllowed: true } : {}),
  }
}

/**
 * RFC 8555 8. `token` stands before anything that could be nested: acme.sh reads it with regular expressions. dns-persist-01 has
 * none, and says instead what its record may name (draft-ietf-acme-dns-persist-02 3.1).
 */
export function showChallenge(challenge: AcmeChallengeRow, urls: AcmeUrls, terms: PersistTerms) {
  const { type, challengeId, status, token, validatedAt, error } = challenge
  return {
    type,
    url: urls.challenge(challengeId),
    status,
    ...(type === 'dns-persist-01' ? persistMembers(terms) : { token }),
    ...(validatedAt === null ? {} : { validated: rfc3339(validatedAt) }),
    ...(error === null ? {} : { error: JSON.parse(error) }),
  }
}

/** What tells of a plain account URL has the names of draft-ietf-acme-dns-persist-01 3.1, which had such. */
function persistMembers({ issuers, accountUrl }: PersistTerms) {
  return {
    issuerDomainNames: issuers,
    ...(accountUrl === null ? {} : { 'issuer-domain-names': issuers, accounturi: accountUrl }),
  }
}
