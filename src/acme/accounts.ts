import { isIPv6 } from 'node:net'
import type { Origin, Principal } from '../auth/principal.ts'
import { auditEntry } from '../ca/audit.ts'
import { epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import { ipBytes } from '../pki/names/ip.ts'
import type { AcmeAccountRecord } from '../store/acme-commands.ts'
import type { AcmeAccountRow } from '../store/acme-queries.ts'
import { readContacts } from './contacts.ts'
import type { AcmeContext, Holder } from './context.ts'
import { bindExternally } from './external-accounts.ts'
import { HourlyLimit } from './hourly-limits.ts'
import type { AccountKey } from './jws/jwk.ts'
import { AcmeError, problemOf } from './problem.ts'

/** Fields of newAccount and of an account update, as they were sent (RFC 8555 7.3). */
export type AccountWish = Readonly<Record<string, unknown>>

export class Accounts {
  readonly #context: AcmeContext
  readonly #perAddress: HourlyLimit
  readonly #rollovers: HourlyLimit

  constructor(context: AcmeContext) {
    this.#context = context
    const { accountsPerAddress } = context.config.limits
    this.#perAddress = new HourlyLimit(accountsPerAddress, 'new accounts from this address', context.clock)
    this.#rollovers = new HourlyLimit(accountsPerAddress, 'key changes from this address', context.clock)
  }

  /** RFC 8555 7.3, 7.3.1. `url` is that of the request, which the binding to an external account repeats. */
  async create(
    key: AccountKey,
    wish: AccountWish,
    url: string,
    origin: Origin,
  ): Promise<{ account: AcmeAccountRow; created: boolean }> {
    const { store, config, clock } = this.#context
    const known = await store.read.acmeAccountByThumbprint(key.thumbprint)
    if (known) return { account: reusable(known), created: false }
    if (wish.onlyReturnExisting === true) {
      throw new AcmeError('accountDoesNotExist', 'There is no account with this key.')
    }
    const contacts = contactsOf(wish) ?? []
    this.#checkTerms(wish)
    const external = await bindExternally(wish.externalAccountBinding, { url, key }, this.#context)
    if (config.externalAccountRequired && !external) {
      throw new AcmeError(
        'externalAccountRequired',
        'A new account needs an external account key: ask an admin for one.',
      )
    }
    const now = clock()
    const record: AcmeAccountRecord = {
      thumbprint: key.thumbprint,
      jwk: JSON.stringify(key.jwk),
      contacts,
      termsAgreedAt: wish.termsOfServiceAgreed === true ? epochSeconds(now) : null,
      external,
      createdAt: epochSeconds(now),
      createdFrom: origin.address,
      audit: auditEntry('account.create', 'ok', '', { id: 'account' }, origin, now, {
        thumbprint: key.thumbprintText,
        ...(external ? { externalKey: external.kid } : {}),
      }),
    }
    const { accountId, created } = await this.#perAddress.counting([siteOf(origin.address)], () =>
      store.write('createAcmeAccount', record),
    )
    return { account: reusable((await store.read.acmeAccount(accountId))!), created }
  }

  /** RFC 8555 7.3.2 and 7.3.6: contacts, agreement, deactivation. Other fields are ignored. */
  async update({ account }: Holder, wish: AccountWish, origin: Origin): Promise<AcmeAccountRow> {
    const { store, clock } = this.#context
    const { accountId } = account
    const { status } = wish
    if (status !== undefined && status !== null && status !== 'valid' && status !== 'deactivated') {
      throw new AcmeError('malformed', 'The status of an account may be set to "deactivated" alone.')
    }
    const deactivates = status === 'deactivated'
    const contacts = contactsOf(wish)
    const agrees = wish.termsOfServiceAgreed === true && account.termsAgreedAt === null
    if (deactivates || contacts || agrees) {
      const name = `account:${accountId}`
      await store.write('updateAcmeAccount', {
        accountId,
        contacts,
        termsAgreedAt: agrees ? epochSeconds(clock()) : undefined,
        ...(deactivates ? ending('deactivated') : {}),
        audit: deactivates
          ? auditEntry('account.deactivate', 'ok', name, { id: name }, origin, clock())
          : null,
      })
    }
    return (await store.read.acmeAccount(accountId))!
  }

  /** RFC 8555 7.3.5, after the request's own checks. Returns the id of the account that has the new key, if another does. */
  async rollOver({ account, key }: Holder, next: AccountKey, origin: Origin): Promise<number | null> {
    const { store, clock } = this.#context
    const name = `account:${account.accountId}`
    try {
      // Each is a row of the audit log, which is never cut, as a new account is: it must not be the way around their limit.
      const outcome = await this.#rollovers.counting([siteOf(origin.address)], () =>
        store.write('rollAcmeAccountKey', {
          accountId: account.accountId,
          oldThumbprint: key.thumbprint,
          thumbprint: next.thumbprint,
          jwk: JSON.stringify(next.jwk),
          at: epochSeconds(clock()),
          audit: auditEntry('account.rollover', 'ok', name, { id: name }, origin, clock(), {
            thumbprint: next.thumbprintText,
          }),
        }),
      )
      return outcome.outcome === 'inUse' ? outcome.accountId : null
    } catch (error) {
      if (!(error instanceof CaError) || error.code !== 'conflict') throw error
      throw new AcmeError('unauthorized', 'The account has got another key, or was ended, in the meantime.')
    }
  }

  /** An admin's end of an account: its open orders and authorizations end with it. `CaError` "notFound". */
  revoke(accountId: number, admin: Principal, origin: Origin): Promise<{ changed: boolean }> {
    const { store, clock } = this.#context
    const audit = auditEntry('account.revoke', 'ok', `account:${accountId}`, admin, origin, clock())
    return store.write('updateAcmeAccount', { accountId, ...ending('revoked'), audit })
  }

  #checkTerms(wish: AccountWish): void {
    const { termsOfService } = this.#context.config
    if (termsOfService === undefined || wish.termsOfServiceAgreed === true) return
    throw new AcmeError(
      'userActionRequired',
      `Agree to the terms of service first ("termsOfServiceAgreed": true): ${termsOfService}`,
      { termsOfService },
    )
  }
}

/** The end of an account, and what its open orders say then. */
function ending(status: 'deactivated' | 'revoked') {
  const problem = new AcmeError('unauthorized', `The account of the order was ${status}.`, { status: 401 })
  return { status, error: JSON.stringify(problemOf(problem)) }
}

/** Null for a list that is left empty is what Go writes. */
function contactsOf({ contact }: AccountWish): string[] | undefined {
  return contact === undefined || contact === null ? undefined : readContacts(contact)
}

/** Refuses an account that was ended. */
export function usable(account: AcmeAccountRow): AcmeAccountRow {
  if (account.status !== 'valid') {
    // RFC 8555 7.3.6 wants 401 for this, and 403 for the other uses of the type.
    throw new AcmeError('unauthorized', `The account is ${account.status}: it can do nothing any more.`, {
      status: 401,
    })
  }
  return account
}

/**
 * Refuses a key whose account was ended. It is no request from that account (RFC 8555 7.3.6), so the type has its usual status: Ansible
 * takes no other, nor a detail without the word, for "there is none", and others compare the sentence, which is Boulder's, whole.
 */
function reusable(account: AcmeAccountRow): AcmeAccountRow {
  if (account.status === 'valid') return account
  const ended = { deactivated: 'deactivated', revoked: 'revoked, which is deactivated by an admin' }[
    account.status
  ]
  throw new AcmeError('unauthorized', `An account with the provided public key exists but is ${ended}`)
}

/** Whoever has one IPv6 address has all that share its first 64 bits. An IPv4 address may come mapped into IPv6. */
export function siteOf(address: string): string {
  const bare = address.replace(/^::ffff:(?=[0-9.]+$)/i, '')
  return isIPv6(bare) ? ipBytes(bare.replace(/%.*$/, '')).toString('hex', 0, 8) : bare
}
