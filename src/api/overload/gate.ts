import type { Clock } from '../../clock.ts'
import { Tickets } from '../../tickets.ts'

export interface GateLimits {
  /** Whoever is let in works at once with at most so many others. */
  readonly atWork: number
  /** So many are let in during one turn of the event loop: what else the turn brings waits no longer than these take. */
  readonly perTurn: number
  /** So many may wait. */
  readonly waiting: number
  /** Milliseconds. Whoever waited for longer is turned away, and so is who comes while somebody has. */
  readonly patience: number
  readonly clock: Clock
}

/** Somebody at the gate. Of the two functions one is called, once, perhaps at once; neither after `leave`. */
export interface Comer {
  readonly letIn: () => void
  readonly turnAway: () => void
  /** Of the gate alone. */
  place?: Place
}

interface Place {
  readonly comer: Comer
  readonly among: Tickets<Place>
  /** Milliseconds: when it came there. */
  readonly since: number
  ticket: number
}

/**
 * Milliseconds. Who works for longer waits for something else, such as a name server, and does not count any more: else a few
 * of these would keep all others out.
 */
const LONGEST_WORK = 1000

/** How often the clock is looked at while some wait and none leaves. Milliseconds. */
const WATCH = 10

/** Lets in, in the order in which they came, as many as can be served soon, and turns the others away early. */
export class Gate {
  readonly #limits: GateLimits
  readonly #waiting = new Tickets<Place>()
  readonly #atWork = new Tickets<Place>()
  #letInThisTurn = 0
  #isScheduled = false
  #timer: NodeJS.Timeout | undefined

  constructor(limits: GateLimits) {
    this.#limits = limits
  }

  /** True where whoever comes now is turned away: to be asked before any work is done. */
  get isFull(): boolean {
    const { waiting, patience } = this.#limits
    if (this.#waiting.size === 0) return false
    if (this.#waiting.size >= waiting) return true
    return this.#now() - this.#waiting.oldest!.since > patience
  }

  enter(comer: Comer): void {
    if (this.isFull) comer.turnAway()
    else if (this.#waiting.size === 0 && this.#hasRoom()) this.#letIn(comer)
    else {
      this.#put(comer, this.#waiting)
      this.#schedule()
    }
  }

  /** To be called when the work is done or nobody waits for it any more; more than once does no harm. */
  leave(comer: Comer): void {
    const { place } = comer
    if (!place || !vacate(place)) return
    if (place.among === this.#atWork && this.#waiting.size > 0) this.#schedule()
  }

  #put(comer: Comer, among: Tickets<Place>): void {
    const place = { comer, among, since: this.#now(), ticket: 0 }
    place.ticket = among.add(place)
    comer.place = place
  }

  #hasRoom(): boolean {
    const { atWork, perTurn } = this.#limits
    return this.#atWork.size < atWork && this.#letInThisTurn < perTurn
  }

  #letIn(comer: Comer): void {
    this.#letInThisTurn++
    this.#schedule()
    this.#put(comer, this.#atWork)
    comer.letIn()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#isScheduled = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#letInThisTurn = 0
    const now = this.#now()
    for (let one = this.#atWork.oldest; one && now - one.since > LONGEST_WORK; one = this.#atWork.oldest) {
      vacate(one)
    }
    for (let one = this.#waiting.oldest; one; one = this.#waiting.oldest) {
      // Late or not: where turns are long all are late, and yet some must be served.
      const isLetIn = this.#hasRoom()
      if (!isLetIn && now - one.since <= this.#limits.patience) break
      vacate(one)
      if (isLetIn) this.#letIn(one.comer)
      else one.comer.turnAway()
    }
    this.#watch()
  }

  /** Where all who work take long, nobody else would look at the clock. */
  #watch(): void {
    if (this.#waiting.size === 0) return
    if (this.#hasRoom() || this.#letInThisTurn > 0) this.#schedule()
    else this.#timer ??= setTimeout(() => this.#turn(), WATCH)
  }

  #now(): number {
    return this.#limits.clock().getTime()
  }
}

/** False where it was left before. */
function vacate({ among, ticket }: Place): boolean {
  return among.take(ticket) !== null
}
