import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { epochSeconds } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import type { DayCount } from '../../store/queries.ts'
import { Turns } from '../../turns.ts'
import { adminOf } from '../caller.ts'
import { showTime, Time } from './schemas.ts'

/** Seconds. */
const DAY = 86_400

/** Days on either side of today. */
const MOST = 90

/** Whoever asks again within so many seconds gets the same answer: with many millions of certificates a count takes its time. */
const KEPT = 60

const DayView = Type.Object({
  day: Type.String({ description: 'As 2026-11-27, in UTC.' }),
  issued: Type.Integer(),
  revoked: Type.Integer({ description: 'Those that are revoked or held, and are so since that day.' }),
  expiring: Type.Integer({ description: 'Those that end on it, revoked or not.' }),
})

/** So many days are being counted at the same time, whoever asks for them: most places of the search thread are left to searches. */
const AT_ONCE = 2

interface Counted {
  /** Seconds since 1970. */
  readonly at: number
  readonly count: Promise<DayCount>
}

/** What was issued, revoked, and what ends, by day. */
export const statisticsRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { store, clock } = service
  /** By day: whoever asks for fewer or more days shares them. */
  const kept = new Map<number, Counted>()
  const turns = new Turns(AT_ONCE)
  const isFresh = ({ at }: Counted, now: number) => now < at + KEPT && now >= at

  function counted(day: number): Counted {
    const at = epochSeconds(clock())
    const known = kept.get(day)
    if (known && isFresh(known, at)) return known
    const fresh = { at, count: turns.run(() => store.read.countDay(day)) }
    kept.set(day, fresh)
    fresh.count.catch(() => {
      if (kept.get(day) === fresh) kept.delete(day)
    })
    return fresh
  }

  /** One day after the other: each is a step of its own, between which others search. */
  async function countAround(today: number, days: number): Promise<{ asOf: number; counts: DayCount[] }> {
    const counts: DayCount[] = []
    let asOf = epochSeconds(clock())
    for (const [day, one] of kept) if (!isFresh(one, asOf)) kept.delete(day)
    for (let day = -days; day <= days; day++) {
      const { at, count } = counted(today + day * DAY)
      asOf = Math.min(asOf, at)
      counts.push(await count)
    }
    return { asOf, counts }
  }

  app.get(
    '/v1/statistics',
    {
      schema: {
        summary: 'Count certificates by day',
        description: `Issued, revoked, and ending on each day from so many days ago until so many ahead; a day with more than a million is counted no further. The answer may be ${KEPT} s old.`,
        tags: ['certificates'],
        querystring: Type.Object(
          {
            days: Type.Optional(
              Type.String({ pattern: '^[0-9]{1,2}$', description: `1 to ${MOST}; 30 if absent.` }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ asOf: Time, days: Type.Array(DayView) }) },
      },
    },
    async (request) => {
      await adminOf(request, service)
      const days = Number(request.query.days ?? '30')
      if (days < 1 || days > MOST) throw new CaError('malformedRequest', `days is 1 to ${MOST}.`)
      const now = epochSeconds(clock())
      const { asOf, counts } = await countAround(now - (now % DAY), days)
      return {
        asOf: showTime(asOf),
        days: counts.map(({ from, issued, revoked, expiring }) => ({
          day: showTime(from).slice(0, 10),
          ...{ issued, revoked, expiring },
        })),
      }
    },
  )
}
