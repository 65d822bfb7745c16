import { type Caller, Client } from '../client/client.ts'
import { ServiceError } from '../client/service-error.ts'

/** Behind a balancer that has lost its service. */
const GATEWAY = [502, 503, 504]

/** The addresses of one CA. The one that answered last is asked first. */
export class Services {
  #urls: readonly URL[]
  readonly #roots: () => string

  /** `roots`: PEM, looked at anew for each question, since they may be followed. */
  constructor(urls: readonly string[], roots: () => string) {
    this.#urls = urls.map((url) => new URL(url))
    this.#roots = roots
  }

  /** Does the work with the first that answers at all. What one refuses, the next is not asked. Throws what the last one gave. */
  async ask<T>(caller: Caller, work: (client: Client) => Promise<T>): Promise<T> {
    let last: unknown
    for (const url of this.#urls) {
      const client = new Client({ url, roots: this.#roots() }, caller)
      try {
        const answer = await work(client)
        this.#urls = [url, ...this.#urls.filter((one) => one !== url)]
        return answer
      } catch (error) {
        if (!isAway(error)) throw error
        last = error
      } finally {
        client.close()
      }
    }
    throw last
  }
}

function isAway(error: unknown): boolean {
  return error instanceof ServiceError && (error.status === null || GATEWAY.includes(error.status))
}
