import type { AcmeAuthorizationRow, AcmeChallengeRow, AcmeWanted } from '../acme-queries.ts'
import type { Connection } from '../connection.ts'

type Stored = Omit<AcmeAuthorizationRow, 'wildcard' | 'subdomains' | 'challenges'> & {
  wildcard: number
  subdomains: number
}

/** Of `acme_authorizations a`: whether one of these challenges, a JSON list of their types, is what proved it. */
export const PROVEN_BY_ONE_OF = `EXISTS (SELECT 1 FROM acme_challenges c
  WHERE c.authorization = a.id AND c.status = 'valid' AND c.type IN (SELECT value FROM json_each(?)))`

const COLUMNS = `a.id AS authorizationId, a.account AS accountId, a.identifier AS identifier, a.wildcard AS wildcard,
  a.subdomains AS subdomains, a.status AS status, a.expires_at AS expiresAt`

export function acmeAuthorizationQueries(db: Connection) {
  const byId = db.prepare<[number], Stored>(`SELECT ${COLUMNS} FROM acme_authorizations a WHERE a.id = ?`)
  const byChallenge = db.prepare<[number], Stored>(
    `SELECT ${COLUMNS} FROM acme_challenges c JOIN acme_authorizations a ON a.id = c.authorization WHERE c.id = ?`,
  )
  const challenges = db.prepare<[number], AcmeChallengeRow>(
    `SELECT id AS challengeId, type, token, status, attempts, account_url AS accountUrl, validated_at AS validatedAt, error
     FROM acme_challenges WHERE authorization = ? ORDER BY id`,
  )
  const processing = db
    .prepare<[number, number], number>(
      "SELECT id FROM acme_challenges WHERE status = 'processing' AND id > ? ORDER BY id LIMIT ?",
    )
    .pluck()
  const holds = db
    .prepare<[number, string, number, number, number, string], number>(
      `SELECT 1 FROM acme_authorizations a
       WHERE account = ? AND identifier = ? AND status = 'valid' AND wildcard = ? AND subdomains >= ? AND expires_at > ?
         AND ${PROVEN_BY_ONE_OF} LIMIT 1`,
    )
    .pluck()
  const whole = (row: Stored | undefined): AcmeAuthorizationRow | null =>
    row
      ? {
          ...row,
          wildcard: row.wildcard === 1,
          subdomains: row.subdomains === 1,
          challenges: challenges.all(row.authorizationId),
        }
      : null
  return {
    async acmeAuthorization(authorizationId: number) {
      return whole(byId.get(authorizationId))
    },

    async acmeAuthorizationOf(challengeId: number) {
      return whole(byChallenge.get(challengeId))
    },

    async processingAcmeChallenges(after: number, limit: number) {
      return processing.all(after, limit)
    },

    async areAcmeIdentifiersAuthorized(
      accountId: number,
      wanted: readonly AcmeWanted[],
      provenBy: readonly string[],
      now: number,
    ) {
      const types = JSON.stringify(provenBy)
      // The first that is not settles it: who asks may hold none of a thousand, each of which has 126 domains above it.
      return wanted.every(({ any }) =>
        any.some(
          ({ identifier, wildcard, subdomains }) =>
            holds.get(accountId, identifier, wildcard ? 1 : 0, subdomains ? 1 : 0, now, types) !== undefined,
        ),
      )
    },
  }
}
