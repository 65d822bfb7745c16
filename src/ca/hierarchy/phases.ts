import { type Clock, epochSeconds } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import type { Phase, PhaseChange } from '../../store/authority-commands.ts'
import type { AuditEntry } from '../../store/commands.ts'
import type { Store } from '../../store/store.ts'
import { type Authorities, isSpent } from '../authorities.ts'
import type { Authority } from '../authority.ts'
import { lineOf } from '../lines.ts'
import {
  checkBelow,
  checkCrl,
  checkSuccessor,
  checksBeforeActive,
  type PhaseCheck,
  type PhaseCheckContext,
  type PhaseCheckName,
} from './phase-checks.ts'

export interface PhaseWish {
  readonly id: string
  readonly phase: Phase
  /** What becomes of the active authorities whose place this one takes, or that have its place. */
  readonly others: Phase
  /** Checks that need not be well. */
  readonly force: readonly PhaseCheckName[]
}

export interface PhaseReport {
  readonly checks: readonly PhaseCheck[]
  /** Every authority whose phase changes, the one that was asked for first. */
  readonly moves: PhaseChange['moves']
  /** Whether the authority becomes the default. */
  readonly becomesDefault: boolean
}

export interface PhasesContext extends Omit<PhaseCheckContext, 'all' | 'now'> {
  readonly store: Store
  readonly clock: Clock
  readonly authorities: Authorities
  /** Called when a change is durable. */
  readonly changed: () => Promise<void>
}

const AUDIT_ACTION: Readonly<Record<Phase, string>> = {
  staged: 'authority.stage',
  active: 'authority.activate',
  retired: 'authority.retire',
}

/** Moves authorities between their phases, after checks that relying parties will not notice. */
export class Phases {
  readonly #context: PhasesContext

  constructor(context: PhasesContext) {
    this.#context = context
  }

  /** What a move would do, and how its checks stand. Throws `CaError` "unknownAuthority", or "conflict" where there is nothing to move. */
  async look({ id, phase, others }: Omit<PhaseWish, 'force'>): Promise<PhaseReport> {
    const authority = await this.#find(id, phase)
    if (authority.role !== 'issuing') return this.#lookAtElsewhere(authority, phase)
    const all = this.#context.authorities.all()
    const line = lineOf(authority, all)
    const active = line.filter(({ state }) => state === 'active')
    const own = this.#moveOf(authority, phase)
    const { signer } = authority
    if (!signer && phase !== 'retired')
      throw new CaError('conflict', `The key of authority "${id}" is not here: it cannot answer nor issue.`)
    if (phase !== 'active') {
      const checks =
        authority.state === 'active' ? [await checkSuccessor(authority, active, this.#context)] : []
      return { checks, moves: notNone(own, id, phase), becomesDefault: false }
    }
    const moved =
      others === 'active' ? [] : active.map((one) => ({ id: one.id, from: one.state, to: others }))
    const becomesDefault =
      !authority.isDefault &&
      (line.some(({ isDefault }) => isDefault) || !all.some(({ isDefault }) => isDefault))
    const moves = [...own, ...moved]
    const checks = await checksBeforeActive({ ...authority, signer: signer! }, this.#checkContext())
    return { checks, moves: becomesDefault ? moves : notNone(moves, id, phase), becomesDefault }
  }

  /** Throws "conflict" with each check that fails and is not forced as a subproblem; then nothing changes. `audit` gets action and detail. */
  async move(
    wish: PhaseWish,
    audit: Omit<AuditEntry, 'action' | 'detail'>,
    detail: AuditEntry['detail'],
  ): Promise<PhaseReport> {
    const { report, failed } = await this.#prove(wish)
    const { id, phase } = wish
    const { store, clock, changed } = this.#context
    const forced = failed.map(({ name, detail: found }) => `${name}: ${found}`)
    await store.write('changePhases', {
      moves: report.moves,
      default: report.becomesDefault ? id : null,
      at: epochSeconds(clock()),
      audit: {
        ...audit,
        action: AUDIT_ACTION[phase],
        detail: {
          ...detail,
          moves: report.moves.map((one) => `${one.id}: ${one.from} -> ${one.to}`),
          ...(report.becomesDefault ? { default: id } : {}),
          ...(forced.length > 0 ? { forced } : {}),
        },
      },
    })
    await changed()
    return report
  }

  /** For a change that is written otherwise: throws as `move` does where a check fails. */
  async prove(wish: PhaseWish): Promise<void> {
    await this.#prove(wish)
  }

  /** `failed`: the checks that are forced. */
  async #prove(wish: PhaseWish): Promise<{ report: PhaseReport; failed: readonly PhaseCheck[] }> {
    const report = await this.look(wish)
    const { id, phase, force } = wish
    const failed = report.checks.filter(({ ok }) => !ok)
    const left = failed.filter(({ name }) => !force.includes(name) || name === 'key')
    if (left.length > 0) {
      throw new CaError(
        'conflict',
        `Authority "${id}" does not become ${phase}: ${left.map(({ detail: found }) => found).join(' ')}`,
        { subproblems: left.map((one) => ({ code: 'conflict', detail: one.detail, subject: one.name })) },
      )
    }
    return { report, failed }
  }

  /** A root, or a CA between, is active, in the bundles, or retired. */
  async #lookAtElsewhere(authority: Authority, phase: Phase): Promise<PhaseReport> {
    const { id, role } = authority
    if (phase === 'staged')
      throw new CaError(
        'conflict',
        `${role === 'root' ? 'A root' : 'An intermediate'} is in the bundles, active, or not, retired: there is nothing between.`,
      )
    const moves = notNone(this.#moveOf(authority, phase), id, phase)
    if (phase === 'retired') this.#refuseOnlyRoot(authority)
    const context = this.#checkContext()
    const checks = [
      await (phase === 'retired' ? checkBelow(authority, context) : checkCrl(authority, context)),
    ]
    return { checks, moves, becomesDefault: false }
  }

  /** No check, which could be forced: with root.pem empty no command would reach the service to take it back. */
  #refuseOnlyRoot({ id, role }: Authority): void {
    const isOther = (one: Authority) => one.role === 'root' && one.state !== 'retired' && one.id !== id
    if (role !== 'root' || this.#context.authorities.all().some(isOther)) return
    throw new CaError(
      'conflict',
      `Root "${id}" is the only root: the bundles would be empty. Install another first.`,
    )
  }

  /** None where it is there already. */
  #moveOf(authority: Authority, phase: Phase): PhaseChange['moves'] {
    const { id, state } = authority
    const comesBack = phase !== 'retired' && isSpent(authority, epochSeconds(this.#context.clock()))
    return state === phase ? [] : [{ id, from: state, to: phase, comesBack }]
  }

  async #find(id: string, phase: Phase): Promise<Authority> {
    const { authorities, store } = this.#context
    const authority = authorities.get(id)
    if (!authority && (await store.read.authorities()).some((row) => row.id === id))
      throw new CaError('conflict', `Authority "${id}" awaits its certificate; install that first.`)
    if (!authority) throw new CaError('unknownAuthority', `There is no authority "${id}".`)
    if (authority.isDefault && phase !== 'active') {
      throw new CaError(
        'conflict',
        `Authority "${id}" is the default: activate the one that takes its place, or make another one the default first.`,
      )
    }
    return authority
  }

  #checkContext(): PhaseCheckContext {
    const { authorities, clock } = this.#context
    return { ...this.#context, all: authorities.all(), now: epochSeconds(clock()) }
  }
}

function notNone(moves: PhaseChange['moves'], id: string, phase: Phase): PhaseChange['moves'] {
  if (moves.length === 0) throw new CaError('conflict', `Authority "${id}" is ${phase} already.`)
  return moves
}
