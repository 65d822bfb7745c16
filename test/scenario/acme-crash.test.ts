import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import type { AcmeClient } from '../api/acme/client.ts'
import { type AcmeAccount, AcmeEnrolment, clientOf, must, newAcmeAccount } from './acme-enrolment.ts'
import { checkOrders } from './acme-orders.ts'
import { AcmeSite, sendOver } from './acme-site.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { checkInvariants } from './invariants.ts'
import { Journal } from './journal.ts'
import { isConnectionError, seeded } from './load.ts'

const ACCOUNTS = 50
/** Hundreds of connections and seven processes: the machine may be busy. */
vi.setConfig({ testTimeout: 180_000 })
/**
 * Each kill comes after one of the first so many answers from addresses with this in them: all that is written gets its turn.
 * Together they leave orders open for each that follows: what is finalised before one kill is not there for the next.
 */
const KILLS = [
  { where: 'new-order', within: 400 },
  { where: '/challenge/', within: 300 },
  { where: '/finalize', within: 150 },
  { where: '/finalize', within: 150 },
  { where: '/certificate/', within: 50 },
]
const hosts = (count: number) => Array.from({ length: count }, (_, index) => `host-${index}.example.test`)

test('killed again and again among 500 orders, it fulfils each of them once', async () => {
  const seed = Number(process.env.CRASH_SEED ?? randomInt(2 ** 31))
  console.log(`CRASH_SEED=${seed}`)
  const random = seeded(seed)
  const names = hosts(500)
  await using site = await AcmeSite.create(names)
  const enrolments: AcmeEnrolment[] = []
  const open = () => enrolments.filter(({ certificate }) => certificate === null)
  let lost = 0
  for (const [round, { where, within }] of KILLS.entries()) {
    const doomed = await startService({ directory: site.directory })
    if (round === 0) {
      const accounts = await makeAccounts(doomed)
      enrolments.push(...names.map((name, index) => new AcmeEnrolment(accounts[index % ACCOUNTS]!, name)))
    }
    // A busy client may have had many more by the time of the kill before than were due.
    const most = Math.min(within, open().length / 2)
    const doom = { where, after: 1 + Math.floor(random() * most), delay: random() * 5 }
    lost += await pursueUntilKilled(doomed, open(), site, doom)
  }
  expect(lost).toBeGreaterThan(0)
  const service = await startService({ directory: site.directory })
  expect(await pursueUntilKilled(service, open(), site, null)).toBe(0)

  const journal = new Journal()
  for (const { certificate } of enrolments)
    journal.certificates.set(certificate!.serialNumber, certificate!.pem)
  expect(journal.certificates.size).toBe(names.length)
  await checkInvariants(service, journal)
  await service.stop()
  checkOrders(site.directory, names)
})

test('what it was looking at when it was killed, it looks at again by itself', async () => {
  const names = hosts(20)
  await using site = await AcmeSite.create(names)
  const doomed = await startService({ directory: site.directory })
  const accounts = await makeAccounts(doomed, names.length)
  const rest = doomed.rest()
  site.hold()
  const orders = await Promise.all(
    accounts.map(async (account, index) => {
      const client = clientOf(account, sendOver(rest))
      const order = must(await client.newOrder([names[index]!]), 201)
      const { json } = await client.authorization(order.json.authorizations[0])
      const challenge = json.challenges.find(({ type }: { type: string }) => type === 'http-01')
      site.solve(challenge, json.identifier, client.keyAuthorization(challenge.token))
      expect(must(await client.answer(challenge), 200).json.status).toBe('processing')
      return String(order.headers.location)
    }),
  )
  await expect.poll(() => site.held, { timeout: 30_000 }).toBe(names.length)
  rest.close()
  await doomed.kill()
  site.release()

  const restarted = await startService({ directory: site.directory })
  const again = restarted.rest()
  // Nobody but the service touches a challenge.
  const settled = await Promise.all(
    accounts.map((account, index) => clientOf(account, sendOver(again)).settled(orders[index]!)),
  )
  expect(settled.map(({ json }) => json.status)).toEqual(names.map(() => 'ready'))
  again.close()
  await restarted.stop()
})

async function makeAccounts(service: ServiceProcess, count = ACCOUNTS): Promise<AcmeAccount[]> {
  const rest = service.rest()
  const made = await Promise.all(Array.from({ length: count }, () => newAcmeAccount(sendOver(rest))))
  rest.close()
  return made
}

/** When to kill: `delay` milliseconds after so many answers from addresses with `where` in them. */
interface Doom {
  readonly where: string
  readonly after: number
  readonly delay: number
}

/** All at once, until the service is killed, as it must be. Gives how many enrolments lost it; any other failure is thrown. */
async function pursueUntilKilled(
  service: ServiceProcess,
  enrolments: readonly AcmeEnrolment[],
  site: AcmeSite,
  doom: Doom | null,
): Promise<number> {
  const rest = service.rest()
  const overTls = sendOver(rest)
  let answered = 0
  let dying: Promise<void> | null = null
  const send: typeof overTls = async (path, message) => {
    // Else all might be done before a busy client comes to kill.
    await dying
    const reply = await overTls(path, message)
    if (doom && path.includes(doom.where) && ++answered === doom.after)
      dying = pause(doom.delay).then(() => service.kill())
    return reply
  }
  const clients = new Map<AcmeAccount, AcmeClient>()
  for (const { account } of enrolments) clients.set(account, clients.get(account) ?? clientOf(account, send))
  const outcomes = await Promise.allSettled(
    enrolments.map((one) => one.pursue(clients.get(one.account)!, site.solve)),
  )
  rest.close()
  if (doom) expect(answered, doom.where).toBeGreaterThanOrEqual(doom.after)
  await dying
  const lost = outcomes.filter((one) => one.status === 'rejected').map(({ reason }) => reason)
  for (const error of lost) if (!dying || !isConnectionError(error)) throw error
  return lost.length
}
