import { expect, test } from 'vitest'
import { AcmeUrls } from '../../../src/api/acme/urls.ts'
import { showAuthorization } from '../../../src/api/acme/views.ts'
import type { AcmeAuthorizationRow, AcmeChallengeRow } from '../../../src/store/acme-queries.ts'

const NOW = 1_800_000_000
const urls = new AcmeUrls('https://ca.example.test', '')

/** "type status" of the challenges in an authorization whose own are these. */
function shown(
  status: AcmeAuthorizationRow['status'],
  challenges: readonly (readonly [type: string, status: AcmeChallengeRow['status']])[],
  expiresAt = NOW + 60,
): string[] {
  const rows = challenges.map(([type, status], index) => ({
    ...{ challengeId: index + 1, type, token: 'token', status, attempts: 0 },
    ...{ accountUrl: null, validatedAt: null, error: null },
  }))
  const row = { authorizationId: 1, accountId: 1, identifier: 'dns:web.example.test', status, expiresAt }
  const { challenges: told } = showAuthorization(
    { ...row, wildcard: false, subdomains: false, challenges: rows },
    urls,
    NOW,
    { issuers: [], accountUrl: null },
  )
  return told.map(({ type, status }) => `${type} ${status}`)
}

test('a pending authorization tells of the challenge that is being looked at', () => {
  expect(
    shown('pending', [
      ['http-01', 'processing'],
      ['dns-01', 'pending'],
    ]),
  ).toEqual(['http-01 processing', 'dns-01 pending'])
})

test('one that is settled tells of the challenge that settled it alone', () => {
  const pair = (status: AcmeChallengeRow['status']) =>
    [
      ['http-01', status],
      ['dns-01', 'pending'],
    ] as const
  expect(shown('valid', pair('valid'))).toEqual(['http-01 valid'])
  expect(shown('invalid', pair('invalid'))).toEqual(['http-01 invalid'])
  expect(shown('deactivated', pair('valid'))).toHaveLength(2)
})
