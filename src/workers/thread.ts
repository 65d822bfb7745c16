import type { AddressInfo } from 'node:net'
import { workerData } from 'node:worker_threads'
import { answerOnConnections } from '../api/at-once/connections.ts'
import { PreparedAnswers } from '../api/at-once/prepared-answers.ts'
import { type AtOnceContext, answerBeforeAll } from '../api/at-once/requests.ts'
import { answerClientError } from '../api/client-error.ts'
import { Closing } from '../api/closing.ts'
import { CONNECTION_LIMITS, TIMING } from '../api/connection-limits.ts'
import { answerHalfClosed } from '../api/half-closed.ts'
import { refuseSecondHost } from '../api/one-host.ts'
import { limitConnections } from '../api/overload/connections.ts'
import { paceRequests } from '../api/overload/paced-requests.ts'
import { boundPipelined } from '../api/overload/pipelined.ts'
import { Tally } from '../api/overload/tally.ts'
import { refuseUnknownMethods } from '../api/unknown-methods.ts'
import { systemClock } from '../clock.ts'
import { createLog } from '../log.ts'
import { http } from '../node-http.ts'
import { HeldCopy } from '../ocsp/held-copy.ts'
import { CurrentCopy } from './current-copy.ts'
import { forwardTo } from './forward.ts'
import { BEAT, type FromWorker, type ToWorker, type WorkerSetup } from './messages.ts'

/**
 * One of the threads that serve the plain listener. It answers OCSP requests that came before from its copy, and has the
 * main thread answer everything else; it holds no key and opens no database.
 */
const { number, host, port, backlog, logLevel, connections, mainSocket, newest, channel } =
  workerData as WorkerSetup
const log = createLog(logLevel, { isShared: true })
const copy = new HeldCopy(systemClock)
const current = new CurrentCopy(copy, channel, newest)
const tell = (message: FromWorker) => channel.postMessage(message)

const start = process.hrtime.bigint().toString(36)
let requests = 0
const isOpen = (): boolean => server.listening
let failure: Error
const failed = new Tally((count) =>
  log.error(
    { err: failure, requests: count },
    'The main thread did not answer: clients were told to try again later',
  ),
)
const onError = (error: Error): void => {
  failure = error
  failed.add()
}
const server = http.createServer(TIMING, forwardTo({ socketPath: mainSocket, isOpen, onError }))
refuseUnknownMethods(server)
const refused = new Tally((count) =>
  log.warn(
    { refused: count },
    'Requests were refused with 503, since their connections had too many without an answer',
  ),
)
// To the main thread each is a connection of its own: a few clients could take all that it may hold.
boundPipelined(server, () => refused.add())
const atOnce: AtOnceContext = {
  answers: current,
  prepared: new PreparedAnswers(systemClock, () => server.keepAliveTimeout),
  log,
  newRequestId: () => `${start}-${number}-${(++requests).toString(36)}`,
  isOpen,
  rests: (socket) => limit.rests(socket),
}
const endResting = answerOnConnections(server, atOnce)
const limit = limitConnections(server, connections, log)
answerBeforeAll(server, atOnce)
refuseSecondHost(server)
paceRequests(server)
answerHalfClosed(server)
server.requestTimeout = CONNECTION_LIMITS.requestTimeout
server.keepAliveTimeout = CONNECTION_LIMITS.keepAliveTimeout
server.setTimeout(CONNECTION_LIMITS.connectionTimeout)
server.on('clientError', answerClientError)
const closing = new Closing(server)

let beat: NodeJS.Timeout | undefined
server.once('error', (error: NodeJS.ErrnoException) => {
  tell({ kind: 'refused', code: error.code, message: error.message })
  channel.close()
})
server.listen({ host, port, backlog, reusePort: true }, () => {
  tell({ kind: 'listening', port: (server.address() as AddressInfo).port })
  beat = setInterval(
    () => tell({ kind: 'alive', used: copy.takeUsed(), answered: copy.takeAnswered() }),
    BEAT,
  )
})

channel.on('message', (message: ToWorker) => {
  if (message.kind === 'changes') current.apply(message)
  else close()
})

/** The thread ends when nothing is left that holds it. */
function close(): void {
  clearInterval(beat)
  closing.begin()
  endResting()
  limit.stop()
  refused.stop()
  failed.stop()
  server.close(() => {
    closing.end()
    channel.close()
    // Idle connections to the main thread would hold it.
    process.exit()
  })
}
