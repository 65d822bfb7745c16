import { randomBytes } from 'node:crypto'
import { checkNames } from '../ca/policy/names.ts'
import { checkPurposes } from '../ca/policy/purposes.ts'
import { grantValidity } from '../ca/policy/validity.ts'
import { epochSeconds } from '../clock.ts'
import type { Profile } from '../config/profile-schema.ts'
import { nameText, type SubjectName } from '../pki/names/san.ts'
import type { AcmeAuthorizationRecord, AcmeOrderRecord } from '../store/acme-commands.ts'
import type { AcmeAccountRow, AcmeOrderRow } from '../store/acme-queries.ts'
import { type AcmeContext, accountPrincipal, type Holder } from './context.ts'
import { checkExternalNames } from './external-names.ts'
import { HourlyLimit } from './hourly-limits.ts'
import { identifierOf, isBelow, type Proof, proofOf, sufficientProofs } from './identifier.ts'
import { AcmeError } from './problem.ts'
import { replacedCertificate } from './renewal-info.ts'
import { suits } from './validation/validate.ts'

export interface OrderWish {
  readonly names: readonly { readonly name: SubjectName; readonly ancestor?: SubjectName | undefined }[]
  readonly profile: string | undefined
  /** Seconds since 1970. */
  readonly notBefore: number | undefined
  readonly notAfter: number | undefined
  /** The certID of the certificate that it renews (RFC 9773 5). */
  readonly replaces: string | undefined
}

/** A name that was proven is not asked for again while the proof holds for so much longer. Seconds. */
const REUSE_MARGIN = 3600

/** Domains above a name whose proof is looked for: a name may have 126, and whoever has an account may order a thousand such names at once. */
const MOST_ABOVE = 20

/** New orders and authorizations: what may be ordered, what must be proven, what is proven already. */
export class Orders {
  readonly #context: AcmeContext
  readonly #perAccount: HourlyLimit
  readonly #perName: HourlyLimit

  constructor(context: AcmeContext) {
    this.#context = context
    const { limits } = context.config
    this.#perAccount = new HourlyLimit(limits.ordersPerAccount, 'new orders of this account', context.clock)
    this.#perName = new HourlyLimit(limits.ordersPerName, 'new orders for one of these names', context.clock)
  }

  /** Throws `AcmeError`, or `CaError` where policy refuses a name. */
  async create({ account }: Holder, wish: OrderWish): Promise<AcmeOrderRow> {
    const { store, config } = this.#context
    const now = epochSeconds(this.#context.clock())
    const profile = this.#profile(account, wish.profile)
    const wanted = [...new Map(wish.names.map((one) => [nameText(one.name), one])).values()]
    const names = wanted.map(({ name }) => name)
    this.#checkPolicy(account, names, profile, wish, now)
    const replaces =
      wish.replaces === undefined
        ? null
        : await replacedCertificate(wish.replaces, account.accountId, names, this.#context)
    // Before anything is counted, all that can be refused has been.
    const authorizations = wanted.map(({ name, ancestor }) => {
      const proof = proofOf(name, ancestor)
      // Its own is the first of them; a domain that the order names may be farther above.
      const sufficient = [...sufficientProofs(name, MOST_ABOVE), ...(ancestor ? [proof] : [])]
      const reuse = config.reuseAuthorizations ? sufficient : []
      return { reuse, create: this.#open(proof, now) }
    })
    const record: AcmeOrderRecord = {
      accountId: account.accountId,
      createdAt: now,
      expiresAt: now + config.orderValidity,
      identifiers: names.map(nameText),
      profile: profile.name,
      profileAsked: wish.profile !== undefined,
      notBefore: wish.notBefore ?? null,
      notAfter: wish.notAfter ?? null,
      replaces,
      authorizations,
      reuseUntil: now + Math.min(REUSE_MARGIN, config.orderValidity),
      reuseProvenBy: config.challenges,
    }
    const outcome = await this.#counting(account, record.identifiers, async () => {
      const made = await store.write('createAcmeOrder', record)
      if (made.outcome === 'created') return made
      throw new AcmeError(
        'alreadyReplaced',
        'Another order replaces this certificate already: use that one, or leave "replaces" out.',
      )
    })
    const { orderId, status, expiresAt } = outcome
    return {
      ...{ orderId, accountId: account.accountId, status, expiresAt, createdAt: now },
      ...{ identifiers: [...record.identifiers], authorizations: outcome.authorizations },
      ...{ profile: profile.name, profileAsked: record.profileAsked },
      ...{ notBefore: record.notBefore, notAfter: record.notAfter, replaces: replaces?.text ?? null },
      ...{ error: null, serialNumber: null },
    }
  }

  /** Pre-authorisation (RFC 8555 7.4.1): the id of a new, pending authorization. */
  async authorize({ account }: Holder, name: SubjectName, subdomains: boolean): Promise<number> {
    const { store, clock } = this.#context
    const now = epochSeconds(clock())
    if (name.type === 'dns' && name.value.startsWith('*.')) {
      throw new AcmeError('malformed', 'A wildcard cannot be authorised ahead (RFC 8555 7.4.1): order it.')
    }
    this.#checkPolicies(account, name, now)
    // Nothing lies below an address.
    const record = this.#open({ ...proofOf(name), subdomains: subdomains && name.type === 'dns' }, now)
    const { accountId } = account
    const { authorizationId } = await this.#counting(account, [], () =>
      store.write('createAcmeAuthorization', { ...record, accountId, createdAt: now }),
    )
    return authorizationId
  }

  #counting<T>({ accountId }: AcmeAccountRow, names: readonly string[], make: () => Promise<T>): Promise<T> {
    return this.#perAccount.counting([String(accountId)], () => this.#perName.counting(names, make))
  }

  #allowedProfiles({ external }: AcmeAccountRow): readonly string[] {
    return this.#context.config.profiles.filter((one) => external?.profiles?.includes(one) ?? true)
  }

  #profile(account: AcmeAccountRow, asked: string | undefined): Profile {
    const { profiles } = this.#context
    const allowed = this.#allowedProfiles(account)
    const name = asked ?? allowed[0]
    const profile = name !== undefined && allowed.includes(name) ? profiles.get(name) : undefined
    if (!profile) {
      throw new AcmeError(
        'invalidProfile',
        allowed.length === 0
          ? 'The account may use none of the profiles that are offered.'
          : `Profile ${JSON.stringify(String(asked).slice(0, 80))} is not offered to this account. Offered: ${allowed.join(', ')}.`,
      )
    }
    return profile
  }

  /** The order that will need the proof may name any profile: only where all refuse the name it is refused, as by the default one. */
  #checkPolicies(account: AcmeAccountRow, name: SubjectName, now: number): void {
    const refusals: unknown[] = []
    for (const asked of [undefined, ...this.#allowedProfiles(account).slice(1)]) {
      try {
        this.#checkPolicy(account, [name], this.#profile(account, asked), {}, now)
        return
      } catch (error) {
        refusals.push(error)
      }
    }
    throw refusals[0]
  }

  /** All that the issuance will check again, so that nobody proves a name in vain. */
  #checkPolicy(
    account: AcmeAccountRow,
    names: readonly SubjectName[],
    profile: Profile,
    life: Pick<OrderWish, 'notBefore' | 'notAfter'> | Record<never, never>,
    now: number,
  ): void {
    const authority = this.#context.authorities.issuing(profile.authority)
    checkPurposes(profile, authority)
    checkNames(names, profile, authority, accountPrincipal(account.accountId))
    checkExternalNames(names, account)
    grantValidity(life, profile, authority, now)
  }

  #open(proof: Proof, now: number): Omit<AcmeAuthorizationRecord, 'accountId' | 'createdAt'> {
    const { config } = this.#context
    const identifier = identifierOf(proof.identifier)
    // Who answers for one host answers for none below it: as with a wildcard, the zone must say it (RFC 9444 7.2 leaves it to us).
    const wildcard = proof.wildcard || proof.subdomains
    const types = config.challenges.filter((one) => suits(one, { identifier, wildcard }))
    if (types.length === 0) {
      const value = `${wildcard ? '*.' : ''}${identifier.value}`
      const refusal = {
        type: 'rejectedIdentifier',
        detail: `None of the challenges that are offered can prove ${value}.`,
      } as const
      // What lies below an ancestor is no identifier that was ordered.
      const subproblems = proof.subdomains ? [] : [{ ...refusal, identifier: { ...identifier, value } }]
      throw new AcmeError(refusal.type, refusal.detail, { subproblems })
    }
    // 256 bits: RFC 8555 8.1 wants 128.
    const token = randomBytes(32).toString('base64url')
    return {
      ...proof,
      challenges: types.map((one) => ({ type: one, token })),
      expiresAt: now + config.orderValidity,
    }
  }
}

/** Reads the ancestor that an order offers to prove instead of the name itself (RFC 9444 4.2). */
export function checkAncestor(name: SubjectName, ancestor: SubjectName): SubjectName {
  const bare = name.value.startsWith('*.') ? name.value.slice(2) : name.value
  if (name.type !== 'dns' || name.value !== bare || !isBelow(name.value, ancestor.value)) {
    throw new AcmeError('malformed', `"${ancestor.value}" is no domain above "${name.value}".`)
  }
  return ancestor
}
