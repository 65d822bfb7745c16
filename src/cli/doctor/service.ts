import { epochSeconds, rfc3339 } from '../../clock.ts'
import { type Finding, failed, look, ok, warning } from './finding.ts'
import type { Situation } from './situation.ts'

/** Seconds by which two clocks may be apart. */
export const FAR = 5

/** The clock of this machine, beside that of the service. */
export async function lookAtClocks({ client, now }: Situation, clock: () => Date): Promise<Finding[]> {
  if (!client) return []
  return look('clock', 'Let both machines keep their time by NTP.', async () => {
    const asked = epochSeconds(clock())
    const { date } = await client.send('GET', '/healthz')
    const answered = epochSeconds(clock())
    if (date === undefined) return ok('clock', `This machine says ${rfc3339(now)}.`)
    // However long the answer took, it was written in between.
    const apart = Math.max(asked - date, date - answered, 0)
    return apart <= FAR
      ? ok('clock', `Service and this machine agree: ${rfc3339(date)}.`)
      : failed(
          'clock',
          `The service’s clock is ${apart} s from this machine’s.`,
          'Let both keep their time by NTP.',
        )
  })
}

/** What the service says of itself, and its own certificate. */
export async function lookAtReadiness({ client }: Situation): Promise<Finding[]> {
  if (!client) return []
  return look('ready', 'See the log of the service.', async () => {
    const { body } = await client.send('GET', '/readyz').catch(notReady)
    const { checks } = JSON.parse(body.toString('utf8')) as {
      checks: { name: string; ok: boolean; reason: string | null; until?: string }[]
    }
    const tls = checks.find(({ name }) => name === 'tls')
    return [
      ...checks
        .filter((check) => !check.ok || check.reason !== null)
        .map(({ name, ok: isOk, reason }) => {
          const make = isOk ? warning : failed
          return make('ready', `${name}: ${reason ?? 'not ready'}`, 'See the log of the service.')
        }),
      ...(tls?.ok
        ? [ok('service', `Its own certificate is valid until ${tls.until}, and renews itself.`)]
        : []),
    ]
  })
}

/** 503 is an answer here. */
function notReady(error: unknown): { body: Buffer } {
  const { status, problem } = error as { status?: number; problem?: unknown }
  if (status !== 503 || !problem) throw error
  return { body: Buffer.from(JSON.stringify(problem)) }
}
