import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { epochSeconds } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import type { DayCount } from '../../store/queries.ts'
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

interface Counted {
  /** Seconds since 1970. */
  readonly until: number
  readonly days: Promise<DayCount[]>
}

/** What was issued, revoked, and what ends, by day. */
export const statisticsRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { store, clock } = service
  const kept = new Map<number, Counted>()

  /** One day after the other: each is a step of its own, between which others search. */
  async function count(around: number, days: number): Promise<DayCount[]> {
    const counts: DayCount[] = []
    for (let day = -days; day <= days; day++) counts.push(await store.read.countDay(around + day * DAY))
    return counts
  }

  function counted(days: number, now: number): Counted {
    const known = kept.get(days)
    if (known && now < known.until && now >= known.until - KEPT) return known
    const fresh = { until: now + KEPT, days: count(now - (now % DAY), days) }
    kept.set(days, fresh)
    fresh.days.catch(() => {
      if (kept.get(days) === fresh) kept.delete(days)
    })
    return fresh
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
      const counts = counted(days, now)
      return {
        asOf: showTime(counts.until - KEPT),
        days: (await counts.days).map(({ from, issued, revoked, expiring }) => ({
          day: showTime(from).slice(0, 10),
          ...{ issued, revoked, expiring },
        })),
      }
    },
  )
}
