import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { makePrivateDirectory } from '../durable-files.ts'
import { CaError } from '../errors.ts'
import { writeFiles } from '../write-files.ts'
import { type Identity, identityPem, readIdentity } from './identity.ts'

/** A request that may be under way: the same is asked again until there is an answer, so that nothing is issued twice. */
export interface PendingRequest {
  /** PEM. */
  readonly key: string
  readonly csr: string
  /** What it asks for; another wish needs another CSR. */
  readonly purpose: string
}

/** When to renew, chosen once for each window, so that a restart does not choose anew. Seconds since 1970. */
export interface ChosenRenewal {
  readonly serialNumber: string
  readonly start: number
  readonly end: number
  readonly at: number
}

/** What must be known after a restart. */
export interface Facts {
  readonly renewal?: ChosenRenewal
  /** The certificate that the CA calls revoked; null once it does no more. */
  readonly revoked?: string | null
  /** SHA-256 of the token that was used up. */
  readonly spentToken?: string
  /** Seconds since 1970. */
  readonly lastRenewal?: number
  /** For each consumer, by a digest of its options: for each part, the digest of what it was told of. */
  readonly notified?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Likewise, of what a reload was to read: where the consumer does not know the file, another would be in vain. */
  readonly reloaded?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

type Kept = 'staple.der' | 'crls.pem' | 'roots.pem'

/** The agent's own files for one certificate. Each is replaced by one rename and synced: a crash leaves the old or the new one. */
export class CertificateState {
  readonly #directory: string
  #facts: Facts

  constructor(directory: string) {
    this.#directory = directory
    makePrivateDirectory(directory)
    this.#facts = this.#parsed<Facts>('facts.json') ?? {}
  }

  get facts(): Facts {
    return this.#facts
  }

  remember(facts: Facts): void {
    this.#facts = { ...this.#facts, ...facts }
    this.#write('facts.json', `${JSON.stringify(this.#facts, null, 2)}\n`)
  }

  identity(): Identity | null {
    return this.#understood('identity.pem', readIdentity)
  }

  keepIdentity(identity: Identity): void {
    this.#write('identity.pem', identityPem(identity))
  }

  pending(): PendingRequest | null {
    return this.#parsed<PendingRequest>('pending.json')
  }

  keepPending(request: PendingRequest): void {
    this.#write('pending.json', `${JSON.stringify(request, null, 2)}\n`)
  }

  dropPending(): void {
    rmSync(join(this.#directory, 'pending.json'), { force: true })
  }

  kept(name: Kept): Buffer | null {
    return this.#read(name)
  }

  keep(name: Kept, content: string | Uint8Array): void {
    this.#write(name, content)
  }

  #parsed<T>(name: string): T | null {
    return this.#understood(name, (text) => JSON.parse(text) as T)
  }

  /** What is not whole was damaged by others, or by the disk: the agent has no such writes. */
  #understood<T>(name: string, understand: (text: string) => T): T | null {
    const octets = this.#read(name)
    try {
      return octets && understand(octets.toString('utf8'))
    } catch (cause) {
      const place = join(this.#directory, name)
      throw new CaError(
        'badConfiguration',
        `${place} is damaged: restore it, or remove it and start again.`,
        {
          cause,
        },
      )
    }
  }

  #read(name: string): Buffer | null {
    const file = join(this.#directory, name)
    return existsSync(file) ? readFileSync(file) : null
  }

  #write(name: string, content: string | Uint8Array): void {
    writeFiles([{ path: join(this.#directory, name), content, mode: 0o600 }])
  }
}
