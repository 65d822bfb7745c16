import { once } from 'node:events'
import { eventually } from '../eventually.ts'
import type { ServiceProcess } from './harness.ts'

/** For a service whose threads are to be reached: the inspector of Node, on a port that the system picks. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' }

/** The threads of a running service, through its inspector: what they hold up or end comes from outside, as faults do. */
export class WorkerThreads {
  readonly #socket: WebSocket
  /** Names to sessions, of the threads that live. */
  readonly sessions = new Map<string, string>()
  readonly #awaited = new Map<number, () => void>()
  #id = 0

  static async of(service: ServiceProcess): Promise<WorkerThreads> {
    const url = await eventually(() => {
      const found = /ws:\/\/127\.0\.0\.1:\d+\/[0-9a-f-]+/.exec(service.log)
      if (!found) throw new Error('no inspector yet')
      return found[0]
    })
    const socket = new WebSocket(url)
    await once(socket, 'open')
    return new WorkerThreads(socket)
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const { method, params } = JSON.parse(String(data))
      if (method === 'NodeWorker.attachedToWorker') {
        const name = /chancery-[a-z]+(?:-\d+)?/.exec(params.workerInfo.title)?.[0]
        if (name) this.sessions.set(name, params.sessionId)
      }
      if (method === 'NodeWorker.receivedMessageFromWorker') {
        const { id } = JSON.parse(params.message)
        this.#awaited.get(id)?.()
        this.#awaited.delete(id)
      }
      if (method !== 'NodeWorker.detachedFromWorker') return
      for (const [name, id] of this.sessions) if (id === params.sessionId) this.sessions.delete(name)
    })
    this.#send('NodeWorker.enable', { waitForDebuggerOnStart: false })
  }

  /** Has the thread of this name run something that it may not come back from; what becomes of it is not told. */
  async run(name: string, expression: string): Promise<string> {
    const sessionId = await this.#session(name)
    this.#evaluate(sessionId, expression)
    return sessionId
  }

  /** Resolves once the thread of this name has run something. */
  async finish(name: string, expression: string): Promise<void> {
    const sessionId = await this.#session(name)
    await new Promise<void>((resolve) => {
      this.#awaited.set(this.#evaluate(sessionId, expression), resolve)
    })
  }

  #session(name: string): Promise<string> {
    return eventually(() => {
      const found = this.sessions.get(name)
      if (found === undefined) throw new Error(`no thread ${name} among ${[...this.sessions.keys()]}`)
      return found
    })
  }

  #evaluate(sessionId: string, expression: string): number {
    const id = ++this.#id
    const message = JSON.stringify({ id, method: 'Runtime.evaluate', params: { expression } })
    this.#send('NodeWorker.sendMessageToWorker', { sessionId, message })
    return id
  }

  close(): void {
    this.#socket.close()
  }

  #send(method: string, params: object): void {
    this.#socket.send(JSON.stringify({ id: ++this.#id, method, params }))
  }
}
