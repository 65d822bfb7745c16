import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js'
import { FairQueue } from '../../fair-queue.ts'
import { TurnBudget } from '../overload/turn-budget.ts'

/** Octets from which on an answer counts: trust with its CRLs. What is shorter goes at once. */
const LONG = 64 * 1024
/** Octets of long answers that are on their way at once. Each is a copy, and a revocation means one for every Envoy. */
const MOST = 256 * 1024 * 1024
/** After that whoever has not read an answer is cut off, if others wait for theirs. Milliseconds. */
const PATIENCE = 60_000

interface Answer {
  readonly octets: number
  readonly go: () => void
  readonly cut: () => void
  state: 'waiting' | 'going' | 'gone'
  isLate: boolean
  timer: NodeJS.Timeout | undefined
}

/** Lets so many octets be on their way at once, and the clients come by turns. */
export class LongAnswers {
  readonly #most: number
  readonly #going = new Set<Answer>()
  readonly #waiting = new FairQueue<Answer>()
  #octets = 0

  constructor(most = MOST) {
    this.#most = most
  }

  /**
   * `go` is called once it may go, perhaps at once. The function that is returned is to be called when it has arrived, or is not to go any
   * more; more than once does no harm. `cut` ends the client's connection.
   */
  enter(client: string, octets: number, { go, cut }: Pick<Answer, 'go' | 'cut'>): () => void {
    const answer: Answer = { octets, go, cut, state: 'waiting', isLate: false, timer: undefined }
    this.#waiting.push(client, answer)
    this.#letGo()
    if (this.#waiting.size > 0) for (const one of this.#going) if (one.isLate) one.cut()
    return () => this.#leave(answer)
  }

  /** In the order of their turns; one that is longer than all that may go, goes alone. */
  #letGo(): void {
    for (let next = this.#waiting.first; next; next = this.#waiting.first) {
      const isGone = next.state === 'gone'
      if (!isGone && this.#octets > 0 && this.#octets + next.octets > this.#most) return
      this.#waiting.shift()
      if (!isGone) this.#begin(next)
    }
  }

  #begin(answer: Answer): void {
    answer.state = 'going'
    this.#octets += answer.octets
    this.#going.add(answer)
    answer.timer = setTimeout(() => {
      answer.isLate = true
      if (this.#waiting.size > 0) answer.cut()
    }, PATIENCE).unref()
    answer.go()
  }

  #leave(answer: Answer): void {
    const { state } = answer
    answer.state = 'gone'
    if (state !== 'going') return
    clearTimeout(answer.timer)
    this.#going.delete(answer)
    this.#octets -= answer.octets
    this.#letGo()
  }
}

interface Sender {
  readonly octetsOf: (message: never) => number
  readonly clientOf: (peer: string) => string
  readonly cut: (peer: string) => void
}

/**
 * Has the answers of all calls, streams and others, go out so that clients which do not read them hold no more than a bounded memory: and one
 * long one in a turn of the event loop. To write down 50 MB takes a tenth of a second, and a revocation has all of them come at once.
 */
export function paceAnswers(answers: LongAnswers, { octetsOf, clientOf, cut }: Sender): ServerInterceptor {
  const budget = new TurnBudget(1)
  return (_method, call) => {
    const send = call.sendMessage.bind(call)
    const sendStatus = call.sendStatus.bind(call)
    let leave = () => {}
    let isSent = false
    let isOver = false
    call.sendMessage = (message, arrived) => {
      const octets = octetsOf(message as never)
      if (octets < LONG) return send(message, arrived)
      if (isOver) return
      isSent = false
      const peer = call.getPeer()
      const begin = () => {
        if (isOver) return
        isSent = true
        send(message, () => {
          leave()
          arrived()
        })
      }
      leave = answers.enter(clientOf(peer), octets, {
        go: () => (budget.take() ? begin() : budget.later(begin)),
        cut: () => cut(peer),
      })
    }
    call.sendStatus = (status) => {
      isOver = true
      // What is on its way already goes out before.
      if (!isSent) leave()
      sendStatus(status)
    }
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          // When it is closed, for whatever reason.
          onCancel: () => {
            isOver = true
            leave()
          },
        }),
    })
  }
}
