import { epochSeconds } from '../clock.ts'
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
import { type ValidationContext, validationContext } from './validation/context.ts'
import { accountHashPrefix } from './validation/dns-persist-01.ts'
import { isTransient } from './validation/failure.ts'
import type { ChallengeType } from './validation/key-authorization.ts'
import { type Validated, validateCaa, validateChallenge } from './validation/validate.ts'
import { type Attempt, Validator } from './validator.ts'

/** For so long what CAA records said may count. Seconds. */
const CAA_LIFE = 8 * 3600
/** Keys that need not be made anew for the next request. */
const MOST_KEYS = 10_000

/** The ACME server without its HTTP: what it knows in memory, and what it does by itself. */
export class Acme {
  readonly context: AcmeContext
  readonly nonces: Nonces
  readonly accounts: Accounts
  readonly orders: Orders
  readonly validator: Validator
  readonly #validation: ValidationContext
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
   * CAA once more before the certificate is made: where it was asked for long ago (RFC 8659 2.2: eight hours), and of names that
   * a domain above them was proven for.
   */
  async checkCaaAgain({ authorizations, identifiers }: AcmeOrderRow, accountUrl: string): Promise<void> {
    const { store, config, clock } = this.context
    if (!config.caa) return
    const proofs = identifiers.map((text) => ({ text, any: sufficientProofs(parseNameText(text)) }))
    const seen = epochSeconds(clock()) - CAA_LIFE
    // All at once: the client waits, and each may take as long as a server that does not answer.
    await Promise.all(
      authorizations.map(async (id) => {
        const row = await store.read.acmeAuthorization(id)
        const met = row?.challenges.find(({ status }) => status === 'valid')
        if (!row || !met || (!row.subdomains && (met.validatedAt ?? 0) > seen)) return
        const method = met.type as ChallengeType
        const { wildcard } = row
        const proven = proofs.filter(({ any }) => any.some((proof) => isProof(row, proof)))
        await Promise.all(
          proven.map(({ text }) => {
            const { type, value } = identifierOf(text)
            const identifier = { type, value: value.replace(/^\*\./, '') }
            return validateCaa({ identifier, wildcard, accountUrl, method }, this.#validation)
          }),
        )
      }),
    )
  }

  async #attempt({ authorization, challenge, thumbprint, signal }: Attempt): Promise<Validated> {
    const { identifier, wildcard, subdomains, accountId } = authorization
    const { token, accountUrl } = challenge
    const type = challenge.type as ChallengeType
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
