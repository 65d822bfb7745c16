import { join } from 'node:path'
import { type Clock, epochSeconds } from '../../clock.ts'
import { RegularLooks } from '../../regular-looks.ts'
import type { Store } from '../../store/store.ts'
import type { Authorities } from '../authorities.ts'
import { AUDIT_PROFILE } from '../internal-profiles.ts'
import type { Issuer } from '../issue.ts'
import { isDue, type KeptIdentity, loadIdentity, mayIssue } from '../kept-identity.ts'
import { makeIdentity } from '../own-identity.ts'
import { type Head, signHead } from './signed-head.ts'

interface AuditHeadsContext {
  readonly store: Store
  readonly authorities: Authorities
  readonly issuer: Issuer
  readonly clock: Clock
  readonly directory: string
  readonly passphrase: string
  /** Seconds. */
  readonly interval: number
  readonly onSigned: (head: Head & { readonly signature: string }) => void
  readonly onError: (error: unknown) => void
}

/** Milliseconds. */
const LOOK = 30_000

/** After a failure so many looks pass before the next attempt: ten minutes. */
const REST = 20

const FILE = join('keys', 'audit-log.pem')

/**
 * Signs the newest hash of the audit log, once an interval in which there were new rows. The key is one of its own, encrypted like
 * the others: who can write the database alone cannot sign.
 */
export class AuditHeads {
  readonly #context: AuditHeadsContext
  readonly #looks: RegularLooks
  #identity: KeptIdentity | null = null

  constructor(context: AuditHeadsContext) {
    this.#context = context
    this.#looks = new RegularLooks({ every: LOOK, rest: REST, onError: context.onError })
  }

  start(): void {
    this.#looks.start(() => this.signIfDue())
  }

  stop(): Promise<void> {
    return this.#looks.stop()
  }

  /** Signs where the oldest row that is not signed for is older than the interval. */
  async signIfDue(): Promise<void> {
    const { store, clock, interval } = this.#context
    const signed = await store.read.newestAuditHead()
    const first = await store.read.auditTimeAfter(signed?.row ?? 0)
    const now = epochSeconds(clock())
    const since = Math.max(signed?.signedAt ?? 0, first === null ? 0 : Math.floor(first / 1000))
    // A clock that was set back must not keep it from signing for as long as it was wrong.
    if (first === null || (now < since + interval && since <= now)) return
    await this.#sign()
  }

  async #sign(): Promise<void> {
    const { store, clock, onSigned } = this.#context
    // First: a new certificate is a new row, which is then signed as well.
    const identity = await this.#signer()
    // Until an authority may issue again, of which /readyz tells.
    if (!identity) return
    const newest = await store.read.newestAudit()
    if (!newest?.hash) return
    const head = { row: newest.id, hash: newest.hash, signedAt: epochSeconds(clock()) }
    const signature = signHead(head, identity)
    await store.write('recordAuditHead', {
      ...head,
      hash: Buffer.from(head.hash, 'hex'),
      certificate: identity.certificate.serialNumber,
      signature,
    })
    // In a log that is kept elsewhere it stands beyond the reach of whoever rewrites the database.
    onSigned({ ...head, signature: signature.toString('base64') })
  }

  /** Null where there is none that is valid, and none to be had. */
  async #signer(): Promise<KeptIdentity | null> {
    const { directory, passphrase, onError, authorities, clock } = this.#context
    this.#identity ??= await loadIdentity(join(directory, FILE), passphrase).catch((error: unknown) => {
      onError(error)
      return null
    })
    if (this.#identity && (await this.#isGood(this.#identity))) return this.#identity
    if (!mayIssue(authorities.issuing(), epochSeconds(clock()))) return null
    this.#identity = await this.#make()
    return this.#identity
  }

  async #isGood({ certificate }: KeptIdentity): Promise<boolean> {
    const { store, clock, authorities } = this.#context
    const row = await store.read.certificate(certificate.serialNumber)
    if (!row?.der.equals(certificate.der) || row.revocation) return false
    const now = epochSeconds(clock())
    // A head of a time at which it was not valid would prove nothing, for ever.
    const isValid = certificate.notBefore <= now && now <= certificate.notAfter
    return isValid && !isDue(certificate, now, authorities.issuing())
  }

  #make(): Promise<KeptIdentity> {
    const { issuer, authorities, clock, directory, passphrase, onError } = this.#context
    const notAfter = Math.min(epochSeconds(clock()) + 365 * 86_400, authorities.issuing().usableUntil)
    const wish = { principal: 'system:audit', profile: AUDIT_PROFILE, keyType: 'P-256', notAfter } as const
    return makeIdentity(wish, issuer, join(directory, FILE), passphrase, onError)
  }
}
