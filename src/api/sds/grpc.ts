import type { TLSSocket } from 'node:tls'
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import type { Principal } from '../../auth/principal.ts'
import { epochSeconds } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import type { FaultLog } from '../../health.ts'
import { authenticateClient } from '../../sds/authenticate-client.ts'
import { crlOctets, type Secret } from '../../sds/secret.ts'
import { findSecret } from '../../sds/secret-source.ts'
import { type DiscoveryRequest, Subscription } from '../../sds/subscription.ts'
import type { Service } from '../../service.ts'
import { Turns } from '../../turns.ts'
import { bearerOf } from '../caller.ts'
import { CLIENT_KNOWN } from '../overload/connections.ts'
import { Shares } from '../overload/shares.ts'
import { TallyByKind } from '../overload/tally-by-kind.ts'
import { beforeMessage, type Caller } from './before-message.ts'
import { checkType, type DiscoveryResponse, response, serviceDefinition } from './discovery.ts'
import { grpcError, type Refusal } from './grpc-error.ts'
import { LongAnswers, paceAnswers } from './long-answers.ts'
import { paceCalls } from './paced-calls.ts'
import { boundResets } from './resets.ts'
import { refuseCompressed } from './uncompressed.ts'

type Stream = ServerDuplexStream<DiscoveryRequest, DiscoveryResponse>

/** Octets of a request, in which Envoy describes itself. */
const MAX_REQUEST = 1024 * 1024
/** Characters of Envoy's words that the log keeps. */
const LONGEST_REASON = 1000
/** Each Envoy has one stream for each secret. */
const MAX_STREAMS = 4096
/** Secrets that are looked for at once, for all streams: a change concerns each of them, and of searches no more may wait than 128. */
const FOUND_AT_ONCE = 32
/** Until a connection is closed whose client is no longer known, so that it hears why. Milliseconds. */
const FAREWELL = 500
/** What changes together is looked at together; issuance may go on all the time, and may wait longer. Milliseconds. */
const COALESCE = { revocation: 20, issuance: 500 }

/** A connection. */
interface Peer {
  readonly socket: TLSSocket
  readonly certificate: Buffer | null
  /** Who was known on it last: the id of a principal. */
  holder: string
}

const TOO_MANY = { code: status.RESOURCE_EXHAUSTED, details: 'There are too many streams.' }

/** Envoy's secret discovery over gRPC, on connections that the TLS listener hands over. */
export class GrpcSds {
  readonly #service: Service
  readonly #log: FaultLog
  readonly #server: Server
  readonly #inject: (socket: TLSSocket) => void
  /** Connections by "address:port": the library gives a client's certificate only where OpenSSL likes its chain. */
  readonly #peers = new Map<string, Peer>()
  readonly #streams = new Shares<{ readonly subscription: Subscription; schedule(): void; yield(): void }>()
  readonly #most: number
  readonly #coalescing = new Map<keyof typeof COALESCE, NodeJS.Timeout>()
  readonly #ended = new TallyByKind()
  readonly #turns = new Turns(FOUND_AT_ONCE)

  /** `most`: streams. */
  constructor(service: Service, log: FaultLog, most = MAX_STREAMS) {
    this.#most = most
    this.#service = service
    this.#log = log
    this.#server = new Server({
      'grpc.max_receive_message_length': MAX_REQUEST,
      'grpc.max_concurrent_streams': 100,
      // Whoever went away without a word is noticed, and who has nothing to ask is let go.
      'grpc.keepalive_time_ms': 60_000,
      'grpc.max_connection_idle_ms': 300_000,
      interceptors: [
        refuseCompressed,
        paceCalls(),
        paceAnswers(new LongAnswers(), {
          octetsOf: ({ resources: [one] }: DiscoveryResponse) => crlOctets(one?.value),
          clientOf: (peer) => this.#peers.get(peer)?.holder ?? peer,
          cut: (peer) => this.#peers.get(peer)?.socket.destroy(),
        }),
        beforeMessage((caller) =>
          this.#authenticate(caller).then(
            () => null,
            (error) => this.#toldRefusal(caller, error),
          ),
        ),
      ],
    })
    boundResets(this.#server)
    this.#server.addService(serviceDefinition(), {
      StreamSecrets: (stream: Stream) => this.#stream(stream),
      FetchSecrets: (
        call: ServerUnaryCall<DiscoveryRequest, DiscoveryResponse>,
        done: sendUnaryData<DiscoveryResponse>,
      ) =>
        void this.#fetch(call).then(
          (answer) => done(null, answer),
          (error) => done(this.#toldRefusal(call, error)),
        ),
    })
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure())
    this.#inject = (socket) => injector.injectConnection(socket)
    service.onChange(() => this.#changed('revocation'))
    service.onIssued(() => this.#changed('issuance'))
    service.crl.onPublished(() => this.#changed('revocation'))
  }

  /** A connection whose handshake agreed on h2. */
  take(socket: TLSSocket): void {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`
    // Where this machine has several addresses a client's port may lead to two of them, and the library does not tell these apart.
    if (this.#peers.has(peer)) {
      socket.destroy()
      return
    }
    this.#peers.set(peer, { socket, certificate: socket.getPeerX509Certificate()?.raw ?? null, holder: '' })
    socket.once('close', () => this.#peers.delete(peer))
    this.#inject(socket)
  }

  /** Ends every stream: Envoy keeps what it has, and comes again. */
  close(): void {
    for (const timer of this.#coalescing.values()) clearTimeout(timer)
    this.#ended.stop()
    this.#server.forceShutdown()
  }

  async #fetch(call: ServerUnaryCall<DiscoveryRequest, DiscoveryResponse>): Promise<DiscoveryResponse> {
    const { resource_names: names, type_url: type } = call.request
    checkType(type)
    if (names.length !== 1)
      throw new CaError('malformedRequest', 'resource_names must hold the name of one secret.')
    return response(await this.#find(call, names[0]!), '')
  }

  #stream(stream: Stream): void {
    const { clock } = this.#service
    const now = () => epochSeconds(clock())
    let timer: NodeJS.Timeout | undefined
    let hasEnded = false
    const end = () => {
      hasEnded = true
      subscription.end()
      clearTimeout(timer)
      this.#streams.delete(entry)
    }
    const fail = (error: unknown) => {
      end()
      this.#tellEnd(error, stream.getPeer())
      stream.emit('error', this.#refusal(stream, error))
    }
    const subscription = new Subscription({
      find: (name) => this.#turns.run(() => this.#find(stream, name)),
      push: ({ secret, nonce }) =>
        new Promise((taken) => {
          stream.write(response(secret, nonce), () => taken())
        }),
      fail,
      now,
      onRejected: (name, reason) =>
        this.#log.warn(
          { secret: name, reason: reason.slice(0, LONGEST_REASON), peer: stream.getPeer() },
          'Envoy refused a secret',
        ),
      onWithheld: (name, error) =>
        this.#log.warn({ err: error, secret: name, peer: stream.getPeer() }, 'A secret is withheld'),
    })
    const entry = {
      subscription,
      schedule: () => {
        clearTimeout(timer)
        if (!this.#streams.has(entry)) return
        const wait = Math.max(1, subscription.dueAt - now())
        timer = setTimeout(() => void subscription.check().then(entry.schedule), wait * 1000)
        timer.unref()
      },
      yield: () => {
        end()
        stream.emit('error', TOO_MANY)
      },
    }
    for (const event of ['cancelled', 'close'] as const) stream.on(event, end)
    const begin = ({ id }: Principal) => {
      if (hasEnded) return
      if (!this.#hasRoomFor(id)) return entry.yield()
      this.#streams.add(id, entry)
      entry.schedule()
      stream.on('data', (request: DiscoveryRequest) => {
        // Whoever asks faster than it is answered waits, in its own flow control.
        stream.pause()
        void this.#receive(request, subscription, fail).then(() => {
          entry.schedule()
          stream.resume()
        })
      })
      stream.on('end', () => {
        end()
        stream.end()
      })
    }
    this.#authenticate(stream).then(begin, fail)
  }

  /** Whoever has most gives one up for others: none keeps them all. */
  #hasRoomFor(holder: string): boolean {
    if (this.#streams.size < this.#most) return true
    const one = this.#streams.mostHeld(holder)
    one?.yield()
    return one !== undefined
  }

  /** Whoever reaches the port may begin streams, and have each of them ended: a line for each would fill the disk. */
  #tellEnd(error: unknown, peer: string): void {
    const kind = error instanceof CaError ? error.code : 'internal'
    this.#ended.add(kind, (streams) =>
      this.#log.warn({ err: error, peer, streams }, 'A stream of secrets was ended'),
    )
  }

  async #receive(request: DiscoveryRequest, to: Subscription, fail: (error: unknown) => void): Promise<void> {
    try {
      checkType(request.type_url)
    } catch (error) {
      return fail(error)
    }
    return to.receive(request)
  }

  /** Asked anew each time: the client certificate may expire, or the admin key be revoked, while the stream lasts. */
  async #find(call: Caller, name: string): Promise<Secret> {
    return findSecret(name, await this.#authenticate(call), this.#service)
  }

  async #authenticate(call: Caller): Promise<Principal> {
    const bearer = bearerIn(call)
    const peer = this.#peers.get(call.getPeer())
    const peerCertificate = bearer === null ? (peer?.certificate ?? null) : null
    const principal = await authenticateClient({ bearer, peerCertificate }, this.#service)
    if (peer) peer.holder = principal.id
    peer?.socket.emit(CLIENT_KNOWN, principal.id)
    return principal
  }

  /**
   * Whose certificate counts no more comes again on a connection with the one that it has by now: Envoy goes on to ask on the
   * connection that there is, which may be as old as the certificate.
   */
  #refusal(call: Caller, error: unknown): Refusal {
    const refusal = grpcError(error)
    const socket = this.#peers.get(call.getPeer())?.socket
    // A bearer secret comes with each request, whose connection may carry those of others.
    if (socket && refusal.code === status.UNAUTHENTICATED && bearerIn(call) === null) {
      setTimeout(() => socket.destroy(), FAREWELL).unref()
    }
    return refusal
  }

  /** Of a call that is no stream: what fails here is told by nobody else. */
  #toldRefusal(call: Caller, error: unknown): Refusal {
    const refusal = this.#refusal(call, error)
    if (refusal.code === status.INTERNAL)
      this.#log.error({ err: error, peer: call.getPeer() }, 'A secret could not be fetched')
    return refusal
  }

  #changed(cause: keyof typeof COALESCE): void {
    if (this.#streams.size === 0 || this.#coalescing.has(cause)) return
    const timer = setTimeout(() => {
      this.#coalescing.delete(cause)
      for (const { subscription, schedule } of this.#streams) void subscription.check().then(schedule)
    }, COALESCE[cause])
    timer.unref()
    this.#coalescing.set(cause, timer)
  }
}

function bearerIn({ metadata }: Caller): string | null {
  const [value] = metadata.get('authorization')
  return bearerOf(value === undefined ? undefined : String(value))
}
