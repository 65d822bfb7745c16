import { freePort } from '../../free-port.ts'
import { missing } from '../../scenario/tools.ts'
import { ProxyProcess, until } from '../proxy.ts'

/** Where the CA looks for answers. */
export interface ChallengePorts {
  readonly http: number
  readonly tls: number
  readonly dns: number
}

export const challengesAreMissing = () => missing('pebble-challtestsrv', 'openssl', 'curl')

/**
 * `pebble-challtestsrv`: the DNS of the test's world, and answers to challenges for clients that cannot give them
 * themselves. Every name is at 127.0.0.1, where it listens, unless `place` says otherwise. What it shows for tls-alpn-01
 * has an empty issuer.
 */
export class Challenges {
  readonly ports: ChallengePorts
  /** Base of its management interface. */
  readonly url: string
  readonly #process: ProxyProcess

  static async start(folder: string): Promise<Challenges> {
    const [http, tls, dns, management] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
    const at = (port: number) => `127.0.0.1:${port}`
    const args = {
      http01: at(http),
      https01: '',
      tlsalpn01: at(tls),
      dns01: at(dns),
      management: at(management),
      // Only 127.0.0.1 is bound: a CA that prefers IPv6 would find nobody.
      defaultIPv6: '',
    }
    const process = new ProxyProcess(
      'pebble-challtestsrv',
      Object.entries(args).map(([name, value]) => `-${name}=${value}`),
      folder,
    )
    const challenges = new Challenges({ http, tls, dns }, `http://${at(management)}`, process)
    await until(
      () => challenges.tell('clear-txt', { host: 'nobody.example.test.' }).catch(() => false),
      (told) => told !== false,
      process,
    )
    return challenges
  }

  private constructor(ports: ChallengePorts, url: string, process: ProxyProcess) {
    this.ports = ports
    this.url = url
    this.#process = process
  }

  async tell(what: string, body: object): Promise<void> {
    const { ok, status } = await fetch(`${this.url}/${what}`, { method: 'POST', body: JSON.stringify(body) })
    if (!ok) throw new Error(`pebble-challtestsrv ${what}: ${status}`)
  }

  /** The only address of these names. */
  async place(names: readonly string[], address: string): Promise<void> {
    for (const host of names) await this.tell('add-a', { host, addresses: [address] })
  }

  stop(): Promise<void> {
    return this.#process.stop()
  }
}
