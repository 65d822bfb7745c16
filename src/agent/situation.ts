import { epochSeconds, rfc3339 } from '../clock.ts'
import { parseOcspResponse } from '../ocsp/parse-response.ts'
import { parseCrl } from '../pki/crl/parse.ts'
import { decodePem } from '../pki/pem.ts'
import type { AgentConfig } from './config.ts'
import type { Generations } from './generations.ts'
import type { Identity } from './identity.ts'
import type { AgentLog } from './log.ts'
import { type Material, makeFiles, wantedParts } from './material.ts'
import { type NotifyContext, outstanding } from './notify/notify.ts'
import type { ObtainContext } from './obtain.ts'
import { chooseRenewal, type Life, ownWindow, type Window } from './renewal.ts'
import type { Part } from './schema.ts'
import type { Trust } from './trust.ts'

export interface KeeperContext extends ObtainContext {
  readonly refresh: AgentConfig['refresh']
  readonly trust: Trust
  readonly generations: Generations
  readonly log: AgentLog
  readonly childEnvironment: NotifyContext['childEnvironment']
}

/** For how long a renewed certificate waits for its staple while the one before still serves. Seconds. */
const STAPLE_GRACE = 600

/** What there is for one certificate, on disk and in the files of its consumer. */
export class Situation {
  readonly context: KeeperContext
  readonly wanted: ReadonlySet<Part>
  identity: Identity | null
  /** As the CA suggested it since the start. */
  window: Window | null = null
  /** An admin must approve the request that is under way. */
  isWaiting = false
  /** The certificate before had ended: the new one waits for nothing. */
  isUrgent = false
  readonly #kept: { staple: Buffer | null; crls: Buffer | null; roots: Buffer | null }
  #crlsUntil: number | null

  constructor(context: KeeperContext) {
    const { state } = context
    this.context = context
    this.wanted = wantedParts(context.config.files)
    this.identity = state.identity()
    const [staple, crls, roots] = [state.kept('staple.der'), state.kept('crls.pem'), state.kept('roots.pem')]
    this.#kept = { staple, crls, roots }
    this.#crlsUntil = crls && endOf(crls)
  }

  /** Milliseconds since 1970. */
  get now(): number {
    return this.context.timing.clock().getTime()
  }

  keepStaple(der: Buffer): void {
    this.context.state.keep('staple.der', der)
    this.#kept.staple = der
  }

  keepCrls(pem: string): void {
    this.context.state.keep('crls.pem', pem)
    this.#kept.crls = Buffer.from(pem, 'latin1')
    this.#crlsUntil = endOf(this.#kept.crls)
  }

  keepRoots(pem: string): void {
    this.context.state.keep('roots.pem', pem)
    this.#kept.roots = Buffer.from(pem, 'latin1')
  }

  get isRevoked(): boolean {
    return this.identity !== null && this.context.state.facts.revoked === this.identity.leaf.serialNumber
  }

  /** From when it came: it may be dated back by more than it lasts, and would be due at once, as the next one would be. */
  lifeOf({ leaf: { serialNumber, notBefore, notAfter } }: Identity): Life {
    const { lastRenewal = notBefore } = this.context.state.facts
    const came = notBefore < lastRenewal && lastRenewal < notAfter ? lastRenewal : notBefore
    return { serialNumber, notBefore: came, notAfter }
  }

  /** Seconds since 1970, chosen once for each window. */
  renewalAt(identity: Identity): number {
    const { state, timing } = this.context
    const before = state.facts.renewal
    const life = this.lifeOf(identity)
    // After a restart the window of before stands until the CA was asked.
    const kept = before?.serialNumber === life.serialNumber ? before : ownWindow(life)
    const chosen = chooseRenewal(life, this.window ?? kept, before, timing.random)
    if (chosen !== before) state.remember({ renewal: chosen })
    return chosen.at
  }

  material(identity: Identity): Material {
    return { ...this.#kept, identity, staple: this.#stapleOf(identity)?.der ?? null }
  }

  isPublished(identity: Identity): boolean {
    const { generations, config } = this.context
    const { current } = generations
    try {
      return current !== null && generations.holds(makeFiles(this.material(identity), config, current))
    } catch (error) {
      // What cannot be read is written anew, and that says what is wrong.
      if (error instanceof Error && 'syscall' in error) return false
      throw error
    }
  }

  /** A renewed certificate would come without the staple that clients are used to, and the one before is still good. */
  mustWaitForStaple(identity: Identity): boolean {
    const { generations, state } = this.context
    if (!this.wanted.has('staple') || this.#stapleOf(identity) || this.isUrgent) return false
    const { notBefore, notAfter } = identity.leaf
    const grace = Math.min(STAPLE_GRACE, (notAfter - notBefore) / 20)
    const age = this.now / 1000 - (state.facts.lastRenewal ?? Number.NEGATIVE_INFINITY)
    // Below zero the clock was set back since.
    return generations.current !== null && age >= 0 && age < grace
  }

  mustTell(identity: Identity): boolean {
    return this.isPublished(identity) && outstanding(this.material(identity), this.context).length > 0
  }

  /** Why its consumer is not well served; none where all is valid and fresh. */
  problems(): string[] {
    const { identity } = this
    if (!identity) return [this.isWaiting ? 'its request waits for approval' : 'there is no certificate yet']
    const now = epochSeconds(this.context.timing.clock())
    const { notAfter } = identity.leaf
    const found: string[] = []
    if (now > notAfter) found.push(`the certificate expired ${rfc3339(notAfter)}`)
    if (this.isRevoked) found.push('the certificate is revoked')
    if (this.wanted.has('staple')) found.push(...late('staple', this.stapleUntil(identity), now))
    if (this.wanted.has('crls')) found.push(...late('CRL', this.#crlsUntil, now))
    if (this.wanted.has('roots') && !this.#kept.roots) found.push('there are no roots yet')
    return found
  }

  /** Seconds since 1970; null where there is none about this certificate. */
  stapleUntil(identity: Identity): number | null {
    return this.#stapleOf(identity)?.nextUpdate ?? null
  }

  get crlsUntil(): number | null {
    return this.#crlsUntil
  }

  #stapleOf({ leaf }: Identity): { der: Buffer; nextUpdate: number | null } | null {
    const der = this.#kept.staple
    const about = der && parseOcspResponse(der).responses[0]
    return about && about.certId.serialNumber === leaf.serialNumber
      ? { der, nextUpdate: about.nextUpdate }
      : null
  }
}

function late(what: string, until: number | null, now: number): string[] {
  if (until === null) return [`there is no ${what} yet`]
  return until <= now ? [`a ${what} expired ${rfc3339(until)}`] : []
}

function endOf(crls: Buffer): number {
  const ends = decodePem(crls.toString('latin1'), 'CRLs').map(({ der }) => parseCrl(der, 'badCrl').nextUpdate)
  return Math.min(...ends.map((end) => end ?? 0))
}
