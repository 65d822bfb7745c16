import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type ServiceProcess, startService } from './harness.ts'
import type { Rest } from './rest.ts'
import { Strace } from './strace.ts'
import { workFolder } from './tools.ts'
import { readTrace, type TracedCall } from './trace.ts'

/** What was acknowledged: octets that are in its row, and words that are in its answer and in no earlier one. */
export interface Acknowledged {
  /** Of a revocation, "revocation" and the serial number. */
  readonly what: string
  readonly row: Buffer
  readonly answer: string
}

/** A service whose writes, syncs and answers are written down. */
export class TracedService {
  readonly service: ServiceProcess
  readonly rest: Rest
  readonly #strace: Strace
  readonly #file: string

  static async start(directory = workFolder()): Promise<TracedService> {
    // Encryption that encrypts nothing, so that answers can be read in the trace; else TLS as always.
    const open = ['--tls-cipher-list=eNULL:@SECLEVEL=0', '--tls-max-v1.2']
    const service = await startService({ directory, environment: { NODE_OPTIONS: open.join(' ') } })
    const file = join(workFolder(), 'trace')
    const calls = ['trace=pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg']
    const options = ['-y', '-xx', '-s', '20000', '-o', file]
    return new TracedService(service, await Strace.attach(service, calls, { options }), file)
  }

  private constructor(service: ServiceProcess, strace: Strace, file: string) {
    this.service = service
    this.rest = service.rest({ ciphers: 'eNULL:@SECLEVEL=0', maxVersion: 'TLSv1.2' })
    this.#strace = strace
    this.#file = file
  }

  /** Ends the service, and shows that each answer left after a sync that began after its row was written. */
  async expectDurable(acknowledged: readonly Acknowledged[]): Promise<{ syncs: readonly TracedCall[] }> {
    // A client may have the last answer before strace has seen the end of its write. It has once the same thread answers again.
    await this.rest.json('GET', '/v1/profiles')
    await this.#strace.detach()
    this.rest.close()
    await this.service.stop()
    const calls = readTrace(readFileSync(this.#file, 'latin1'))
    const wal = join(this.service.directory, 'chancery.db-wal')
    const syncs = calls.filter(({ name, path }) => /^f(data)?sync$/.test(name) && path === wal)
    const writes = calls.filter(({ name, path }) => name === 'pwrite64' && path === wal)
    const answers = calls.filter(({ path }) => path.startsWith('socket:') || path.startsWith('TCP'))
    expect(syncs.every(({ result }) => result === 0)).toBe(true)
    for (const { what, row, answer } of acknowledged) {
      const written = writes.find(({ data }) => data.includes(row))
      expect(written, `the row of ${what} in the WAL`).toBeDefined()
      const synced = syncs.find(({ begin }) => begin > written!.end)
      expect(synced, `a sync after the row of ${what}`).toBeDefined()
      // An answer about a certificate may name it again; the revocation's is the first with its words and number.
      const sent = answers.find(({ data }) => isAnswer(data, what, answer))
      expect(sent, `the answer about ${what}`).toBeDefined()
      expect(sent!.begin, `the answer about ${what} left before the end of its sync`).toBeGreaterThan(
        synced!.end,
      )
    }
    return { syncs }
  }
}

function isAnswer(data: Buffer, what: string, answer: string): boolean {
  const [kind, serialNumber] = what.split(' ')
  return data.includes(answer) && (kind !== 'revocation' || data.includes(serialNumber!))
}
