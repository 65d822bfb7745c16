import { drive } from './load.ts'
import type { RunningService } from './processes.ts'

/** As admins ask; each fits many certificates, some, or none. `{day}`: today. */
const SEARCHES = [
  '',
  'name=*.example.test',
  'state=valid&profile=server',
  'state=revoked',
  'state=expired&profile=client',
  'authority=intermediate&expiresBefore={day}',
  'issuedAfter={day}',
  'issuedBefore={day}&state=valid',
  'principal=token:1',
  'serialNumber=4f',
]
const TIMES = 20

/** The slowest of some searches of the inventory: the median for its first page, in milliseconds. */
export async function slowestSearch(service: RunningService): Promise<{ ms: number; search: string }> {
  const target = { port: service.port, ca: service.root }
  const headers = { authorization: `Bearer ${service.adminKey}` }
  const today = `${new Date().toISOString().slice(0, 10)}T00:00:00Z`
  let slowest = { ms: 0, search: '' }
  for (const pattern of SEARCHES) {
    const search = pattern.replace('{day}', today)
    const one = { method: 'GET', path: `/v1/certificates?${search}`, headers, body: Buffer.alloc(0) }
    const { p50 } = await drive(target, Array(TIMES).fill(one), 1, 200)
    if (p50 > slowest.ms) slowest = { ms: p50, search }
  }
  return slowest
}
