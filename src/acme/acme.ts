import { epochSeconds } from '../clock.ts'
import { FairTurns } from '../fair-turns.ts'
import { parseNameText } from '../pki/names/normalise.ts'
import { RecentMap } from '../recent-map.ts'
import type { AcmeAccountRow, AcmeAuthorizationRow, AcmeOrderRow } from '../store/acme-queries.ts'
import { Sweeper } from '../store/sweeper.ts'
import { traced } from '../tracing/spans.ts'
import { Accounts, usable } from './accounts.ts'
import type { AcmeContext, Holder } from './context.ts'
import { identifierOf, type Proof, sufficientProofs } from './identifier.ts'
import { type AccountKey, readJwk } from './jws/jwk.ts'
import { Nonces } from './nonces.ts'
import { Orders } from './orders.ts'
import { AcmeError } from './problem.ts'
import type { CaaRequest } from './validation/caa.ts'
import { type ValidationContext, validationContext } from './validation/context.ts'
import { accountHashPrefix } from './validation/dns-persist-01.ts'
import { isTransient, ValidationFailure } from './validation/failure.ts'
import type { ChallengeType } from './validation/key-authorization.ts'
import { type Validated, validateCaa, validateChallenge } from './validation/validate.ts'
import { type Attempt, Validator } from './validator.ts'

/** For so long what CAA records said may count. Seconds. */
const CAA_LIFE = 8 * 3600
/** Keys that need not be made anew for the next request. */
const MOST_KEYS = 10_000

type StaleCaa = Omit<CaaRequest, 'accountUrl'>

/** The ACME server without its HTTP: what it knows in memory, and what it does by itself. */
export class Acme {
  readonly context: AcmeContext
  readonly nonces: Nonces
  readonly accounts: Accounts
  readonly orders: Orders
  readonly validator: Validator
  readonly #validation: ValidationContext
  readonly #caaTurns: FairTurns
  /** Before it, CAA may have been off, or this CA have had other names in it. Seconds since 1970. */
  readonly #configuredAt: number
  readonly #sweeper: Sweeper
  /** By the JWK's text. */
  readonly #keys = new RecentMap<string, AccountKey>(MOST_KEYS)

  constructor(context: AcmeContext, onError: (error: unknown) => void) {
    this.context = context
    const { clock, config } = context
    this.nonces = new Nonces({ clock })
    this.accounts = new Accounts(context)
    this.orders = new Orders(context)
    const { httpPort, tlsPort, resolvers, searchDomains, timeout } = config.validation
    const { deniedNetworks, allowedNetworks } = config.validation
    this.#validation = validationContext({
      ...{ clock, httpPort, tlsPort, resolvers, searchDomains, timeout },
      ...{ denied: deniedNetworks, allowed: allowedNetworks },
      ...{ caa: config.caa, issuerDomains: config.caaIdentities },
      plainAccountUrls: config.plainAccountUrls,
    })
    this.validator = new Validator({
      ...context,
      attempt: (attempt) => this.#attempt(attempt),
      mayPass: isTransient,
      onError,
    })
    this.#caaTurns = new FairTurns(config.validation.concurrency)
    this.#configuredAt = epochSeconds(clock())
    this.#sweeper = new Sweeper(
      (limit) => context.store.write('sweepAcme', { now: epochSeconds(clock()), limit }),
      onError,
    )
  }

  async start(): Promise<void> {
    if (!this.context.config.enabled) return
    // A challenge whose begin was in doubt may be on record as such by now, and is in nobody's memory.
    this.context.store.onResumed(() => this.validator.takeUp())
    await this.validator.start()
    this.#sweeper.start()
  }

  stop(): void {
    this.validator.stop()
    this.#sweeper.stop()
  }

  /** The account of a `kid`'s number, with its key ready for use. Throws "accountDoesNotExist", or "unauthorized" where it has ended. */
  async holder(accountId: number, accountUrl: string): Promise<Holder> {
    const account = await this.context.store.read.acmeAccount(accountId)
    if (!account) throw new AcmeError('accountDoesNotExist', 'There is no such account: make a new one.')
    return { account: usable(account), key: this.#keyOf(account), accountUrl }
  }

  /**
   * CAA once more before the certificate is made: where it was asked for long ago (RFC 8659 2.2: eight hours) or before this start,
   * and of names that a domain above them was proven for.
   */
  async checkCaaAgain(order: AcmeOrderRow, accountUrl: string): Promise<void> {
    if (!this.context.config.caa) return
    const stale = await this.#staleCaa(order)
    const stop = new AbortController()
    // As many at once as may be: the client waits, and each may take as long as a server that does not answer.
    const look = async (one: StaleCaa) => {
      try {
        await validateCaa({ ...one, accountUrl }, this.#validation, stop.signal)
      } catch (error) {
        if (stop.signal.aborted) throw error
        const refusal = about(one, error)
        // One will do for a refusal: the others would hold sockets that nobody waits for.
        stop.abort(refusal)
        throw refusal
      }
    }
    const owner = String(order.accountId)
    await Promise.all(stale.map((one) => this.#caaTurns.run(owner, () => look(one), stop.signal)))
  }

  /** The names of an order whose CAA must be looked up anew, and how each was proven. */
  async #staleCaa({ authorizations, identifiers }: AcmeOrderRow): Promise<StaleCaa[]> {
    const { store, clock } = this.context
    const proofs = identifiers.map((text) => ({ text, any: sufficientProofs(parseNameText(text)) }))
    const now = epochSeconds(clock())
    const since = Math.max(now - CAA_LIFE + 1, this.#configuredAt)
    // One of a clock that was ahead would count for as long as that was wrong.
    const isRecent = (at: number | null) => at !== null && at >= since && at <= now
    const stale: StaleCaa[] = []
    for (const id of authorizations) {
      const row = await store.read.acmeAuthorization(id)
      const met = row?.challenges.find(({ status }) => status === 'valid')
      if (!row || !met || (!row.subdomains && isRecent(met.validatedAt))) continue
      const method = met.type as ChallengeType
      const { wildcard } = row
      for (const { text, any } of proofs) {
        if (!any.some((proof) => isProof(row, proof))) continue
        const { type, value } = identifierOf(text)
        stale.push({ identifier: { type, value: value.replace(/^\*\./, '') }, wildcard, method })
      }
    }
    return stale
  }

  async #attempt({ authorization, challenge, thumbprint, signal }: Attempt): Promise<Validated> {
    const { identifier, wildcard, subdomains, accountId } = authorization
    const { token, accountUrl } = challenge
    const type = challenge.type as ChallengeType
    // Begun, or made, under an earlier configuration.
    if (!this.context.config.challenges.includes(type)) {
      throw new ValidationFailure(
        'unauthorized',
        `${type} is not offered any more: make a new order.`,
        'final',
      )
    }
    const what = {
      ...{ type, token, wildcard, subdomains, thumbprint },
      identifier: identifierOf(identifier),
      accountUrl: accountUrl ?? '',
    }
    if (type !== 'dns-persist-01' || accountUrl === null) {
      return traced(`validate ${type}`, () => validateChallenge(what, this.#validation, signal))
    }
    const former = await this.context.store.read.acmeFormerKeys(accountId)
    const formerThumbprints = former.map((one) => one.toString('base64url'))
    const context = { ...this.#validation, accountHashPrefix: accountHashPrefix(accountUrl) }
    return traced(`validate ${type}`, () =>
      validateChallenge({ ...what, formerThumbprints }, context, signal),
    )
  }

  #keyOf({ jwk }: AcmeAccountRow): AccountKey {
    const known = this.#keys.get(jwk)
    if (known) return known
    const key = readJwk(JSON.parse(jwk))
    this.#keys.set(jwk, key)
    return key
  }
}

function isProof(row: AcmeAuthorizationRow, { identifier, wildcard, subdomains }: Proof): boolean {
  return row.identifier === identifier && row.wildcard === wildcard && (row.subdomains || !subdomains)
}

/** Says which of an order's names it is that cannot be certified (RFC 8555 6.7.1). */
function about({ identifier, wildcard }: StaleCaa, error: unknown): unknown {
  if (!(error instanceof AcmeError)) return error
  const { type, detail } = error
  const value = wildcard ? `*.${identifier.value}` : identifier.value
  return new AcmeError(type, detail, {
    cause: error,
    subproblems: [{ type, detail, identifier: { ...identifier, value } }],
  })
}
