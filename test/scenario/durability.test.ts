import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { newCsr } from './csr.ts'
import { startService } from './harness.ts'
import { Strace } from './strace.ts'
import { missing, workFolder } from './tools.ts'
import { readTrace } from './trace.ts'

vi.setConfig({ testTimeout: 120_000 })

const CLIENTS = 8
const EACH = 8

/** What was acknowledged: octets that are in its row, and words that are in its answer and in no other. */
interface Acknowledged {
  readonly what: string
  readonly row: Buffer
  readonly answer: string
}

test.skipIf(missing('strace'))(
  'each acknowledgement leaves after a sync that began after its row was written',
  async () => {
    // Encryption that encrypts nothing, so that answers can be read in the trace; else TLS as always.
    const open = ['--tls-cipher-list=eNULL:@SECLEVEL=0', '--tls-max-v1.2']
    const service = await startService({ environment: { NODE_OPTIONS: open.join(' ') } })
    const rest = service.rest({ ciphers: 'eNULL:@SECLEVEL=0', maxVersion: 'TLSv1.2' })
    const file = join(workFolder(), 'trace')
    const wal = join(service.directory, 'chancery.db-wal')
    const strace = await Strace.attach(
      service,
      ['trace=pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg'],
      {
        options: ['-y', '-xx', '-s', '20000', '-o', file],
      },
    )
    const acknowledged: Acknowledged[] = []
    const client = async (index: number) => {
      for (let n = 0; n < EACH; n++) {
        const name = `n${n}.c${index}.example.test`
        const { id, token } = await rest.json<{ id: number; token: string }>('POST', '/v1/tokens', {
          body: { names: { dns: [name] } },
        })
        const row = createHash('sha256').update(token).digest()
        acknowledged.push({ what: `token ${id}`, row, answer: `"token":"${token}"` })
        const { serialNumber } = await rest.json<{ serialNumber: string }>('POST', '/v1/certificates', {
          bearer: token,
          body: { csr: newCsr(name) },
        })
        const serial = Buffer.from(serialNumber, 'hex')
        acknowledged.push({
          what: `certificate ${serialNumber}`,
          row: serial,
          answer: `"serialNumber":"${serialNumber}"`,
        })
        if (n % 2) continue
        await rest.json('POST', `/v1/certificates/${serialNumber}/revoke`, { body: { reason: 'superseded' } })
        // In the entry for CRLs alone, the serial number is followed by a UTCTime.
        const entry = Buffer.concat([Buffer.from([0x02, serial.length]), serial, Buffer.from([0x17, 0x0d])])
        acknowledged.push({ what: `revocation ${serialNumber}`, row: entry, answer: '"reason":"superseded"' })
      }
    }
    await Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)))
    await strace.detach()
    rest.close()
    await service.stop()

    const calls = readTrace(readFileSync(file, 'latin1'))
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
    // Many shared a sync: the order was shown under a load that groups commits.
    expect(syncs.length).toBeLessThan(acknowledged.length)
  },
)

function isAnswer(data: Buffer, what: string, answer: string): boolean {
  const [kind, serialNumber] = what.split(' ')
  return data.includes(answer) && (kind !== 'revocation' || data.includes(serialNumber!))
}
