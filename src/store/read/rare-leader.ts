import type { Connection } from '../connection.ts'
import type { CertificateFilter } from '../queries.ts'
import { type Condition, EQUAL, REVOCATION, type SearchPlan, type Value } from './search-plan.ts'

/** Rows that may be read and sorted, instead of passing over all that the plan's own index has. */
const FEW = 200

/**
 * Where few certificates have the principal, the profile or the authority that is asked for, those are read, whatever index gives
 * the order: else what is asked for together with something frequent would be looked for among millions. The order stays.
 */
export function rareLeader(db: Connection): (filter: CertificateFilter, plan: SearchPlan) => SearchPlan {
  const leaders = (['principal', 'profile', 'authority'] as const).map((by) => {
    const index = `certificates_${by}`
    const [condition] = EQUAL[by]({ now: 0, [by]: '' })
    const count = db
      .prepare<Value[], number>(
        `SELECT count(*) FROM (SELECT 1 FROM certificates c INDEXED BY ${index} WHERE ${condition!.sql} LIMIT ${FEW + 1})`,
      )
      .pluck()
    return { index, wanted: EQUAL[by], count }
  })
  return (filter, plan) => {
    if ((filter.wholeName ?? filter.name ?? filter.serialPrefix) !== undefined) return plan
    for (const { index, wanted, count } of leaders) {
      const lead = wanted(filter)
      if (lead.length === 0 || plan.leader.endsWith(`INDEXED BY ${index}`)) continue
      if (count.get(...lead[0]!.values)! <= FEW) return ledBy(index, lead, plan)
    }
    return plan
  }
}

function ledBy(index: string, lead: readonly Condition[], plan: SearchPlan): SearchPlan {
  const [first, ...rest] = plan.key
  return {
    ...plan,
    leader: `certificates c INDEXED BY ${index}`,
    joins: REVOCATION,
    lead,
    // A plan that begins with the revocations has their name for it.
    key: [first === 'r.certificate' ? 'c.id' : first, ...rest],
    few: true,
  }
}
