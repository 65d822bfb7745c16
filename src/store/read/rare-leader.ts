import { principalColumn } from '../columns.ts'
import type { Connection } from '../connection.ts'
import type { CertificateFilter } from '../queries.ts'
import { AUTHORITY_KEY, PROFILE_KEY, REVOCATION, type SearchPlan, type Value } from './search-plan.ts'

/** Rows that may be read and sorted, instead of passing over all that the plan's own index has. */
const FEW = 200

/**
 * Where few certificates have the principal, the profile or the authority that is asked for, those are read, whatever index gives
 * the order: else what is asked for together with something frequent would be looked for among millions. The order stays.
 */
export function rareLeader(db: Connection): (filter: CertificateFilter, plan: SearchPlan) => SearchPlan {
  const probe = (index: string, condition: string) =>
    db
      .prepare<[Value], number>(
        `SELECT count(*) FROM (SELECT 1 FROM certificates c INDEXED BY ${index} WHERE ${condition} LIMIT ${FEW + 1})`,
      )
      .pluck()
  const leaders = [
    {
      index: 'certificates_principal',
      value: ({ principal }: CertificateFilter) => principal && principalColumn(principal),
      count: probe('certificates_principal', 'c.principal = ?'),
    },
    {
      index: 'certificates_profile',
      value: ({ profile }: CertificateFilter) => profile,
      count: probe('certificates_profile', `c.profile = ${PROFILE_KEY}`),
    },
    {
      index: 'certificates_authority',
      value: ({ authority }: CertificateFilter) => authority,
      count: probe('certificates_authority', `c.authority = ${AUTHORITY_KEY}`),
    },
  ]
  return (filter, plan) => {
    if (filter.name !== undefined || filter.serialPrefix !== undefined) return plan
    for (const { index, value, count } of leaders) {
      const wanted = value(filter)
      if (wanted === undefined || plan.from.includes(`INDEXED BY ${index} `)) continue
      if (count.get(wanted)! <= FEW) return ledBy(index, plan)
    }
    return plan
  }
}

function ledBy(index: string, plan: SearchPlan): SearchPlan {
  const [first, ...rest] = plan.key
  return {
    ...plan,
    from: `certificates c INDEXED BY ${index} ${REVOCATION}`,
    // A plan that begins with the revocations has their name for it.
    key: [first === 'r.certificate' ? 'c.id' : first, ...rest],
  }
}
