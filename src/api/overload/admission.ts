import type { Server } from 'node:http'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Clock } from '../../clock.ts'
import type { FaultLog } from '../../health.ts'
import { attached } from '../attached.ts'
import { beforeAnswer } from '../immediate-hooks.ts'
import { standBefore } from '../stand-before.ts'
import { type ConnectionLimit, limitConnections } from './connections.ts'
import { type Comer, Gate } from './gate.ts'
import { paceHandshakes } from './handshakes.ts'
import { boundPipelined } from './pipelined.ts'
import { overloaded, refuse } from './refusal.ts'
import { Tally } from './tally.ts'

export interface AdmissionLimits {
  readonly waiting: number
  /** Milliseconds. */
  readonly patience: number
}

interface AdmissionContext {
  readonly limits: AdmissionLimits
  readonly clock: Clock
  readonly log: FaultLog
  /** Hears of each request that is refused before its route is looked at. */
  readonly refused: () => void
  /** Of ACME, fresh. */
  readonly nonce: () => string
}

/** Not measured against others: enough to fill several of the writer's batches, few enough to bound what they hold. */
const AT_WORK = 128
/** Some 10 ms of the event loop. Fewer cost rate: the writer then finds less to take in one go. */
const PER_TURN = 32
/** Some 1 ms. A refusal that waits holds back what its client sends next, so that refusing leaves time for serving. */
const REFUSALS_PER_TURN = 32

/** What relying parties and operators need, and what costs next to nothing: never waits behind enrolment. */
const AHEAD = /^\/(?:ocsp|crl|ca|bundles|roots|healthz|readyz|acme\/(?:directory|new-nonce))(?:[/?]|$)/
/** By callers who are known before they come to the gate: no other route may match. */
const REVOCATION = /^\/v1\/certificates\/(?:[^/?]+\/)?(?:revoke|release)(?:\?|$)/
/** Apart from those, since whoever asks is known only by the body: strangers can fill its gate. */
const ACME_REVOCATION = /^\/acme\/revoke-cert(?:\?|$)/

/**
 * Keeps the service able to answer when more is asked than it can do. Public answers are not held up; revocations,
 * those of ACME, reading and all else have a gate each, so that none waits behind the others. What finds its gate full is refused by 503 and
 * Retry-After before its headers are looked at; what passes waits, where it must, once its caller is known and its body is
 * here: slow senders hold nobody up.
 */
export class Admission {
  readonly #revocations: Gate
  readonly #acmeRevocations: Gate
  readonly #reading: Gate
  readonly #others: Gate
  readonly #clock: Clock
  readonly #log: FaultLog
  readonly #counted: () => void
  readonly #nonce: () => string
  readonly #refused: Tally
  readonly #dropped: Tally
  #refusals: (() => void)[] = []
  readonly #comers = attached<FastifyRequest, { readonly gate: Gate; readonly comer: Comer }>('at the gate')

  constructor({ limits, clock, log, refused, nonce }: AdmissionContext) {
    const gate = () => new Gate({ ...limits, clock, atWork: AT_WORK, perTurn: PER_TURN })
    this.#revocations = gate()
    this.#acmeRevocations = gate()
    this.#reading = gate()
    this.#others = gate()
    this.#clock = clock
    this.#log = log
    this.#counted = refused
    this.#nonce = nonce
    this.#dropped = new Tally((connections) =>
      log.warn({ connections }, 'Connections were closed whose TLS handshake waited too long'),
    )
    this.#refused = new Tally((refused) =>
      log.warn({ refused }, 'Requests were refused with 503, since more came than can be served'),
    )
  }

  /** To be called before the application is made ready. `connections`: as many as it may hold. */
  guard(app: FastifyInstance, { connections }: { connections: number }): ConnectionLimit {
    this.#guardServer(app.server as Server)
    // Before TLS sees a connection, and after the above: what is listened for first is prepended last.
    if (app.server instanceof TlsServer) paceHandshakes(app.server, this.#clock, () => this.#dropped.add())
    const limit = limitConnections(app.server as Server, connections, this.#log)
    app.addHook('preValidation', (request, reply, done) => {
      const gate = this.#gateOf(request.method, request.raw.url ?? '')
      if (!gate) return done()
      const comer = {
        letIn: done,
        turnAway: () => {
          this.#refused.add()
          done(overloaded())
        },
      }
      this.#comers.set(request, { gate, comer })
      reply.raw.once('close', () => gate.leave(comer))
      gate.enter(comer)
    })
    // Once there is an answer, how fast it is read is a matter of the connection alone.
    app.addHook(
      'onSend',
      beforeAnswer((request) => {
        const at = this.#comers.get(request)
        at?.gate.leave(at.comer)
      }),
    )
    app.addHook('onClose', async () => {
      this.#refused.stop()
      this.#dropped.stop()
      limit.stop()
    })
    return limit
  }

  /** Before anything else sees the request. */
  #guardServer(server: Server): void {
    standBefore(server, (goOn) => (request, response) => {
      const { method = '', url = '' } = request
      if (this.#gateOf(method, url)?.isFull) {
        this.#refusedUnseen()
        this.#refuseLater(() => refuse(url, response, { close: false, nonce: this.#nonce }))
      } else goOn(request, response)
    })
    boundPipelined(server, () => this.#refusedUnseen())
  }

  /** No hook of the application counts it. */
  #refusedUnseen(): void {
    this.#refused.add()
    this.#counted()
  }

  #refuseLater(refusal: () => void): void {
    if (this.#refusals.push(refusal) === 1) setImmediate(() => this.#refuseSome())
  }

  #refuseSome(): void {
    for (const refusal of this.#refusals.splice(0, REFUSALS_PER_TURN)) refusal()
    if (this.#refusals.length > 0) setImmediate(() => this.#refuseSome())
  }

  #gateOf(method: string, url: string): Gate | null {
    if (AHEAD.test(url)) return null
    if (method === 'GET' || method === 'HEAD') return this.#reading
    if (method === 'POST' && REVOCATION.test(url)) return this.#revocations
    return ACME_REVOCATION.test(url) ? this.#acmeRevocations : this.#others
  }
}
