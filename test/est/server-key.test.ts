import { expect, test } from 'vitest'
import type { Authorities } from '../../src/ca/authorities.ts'
import type { Issuer } from '../../src/ca/issue.ts'
import type { Label } from '../../src/est/labels.ts'
import { enrolWithServerKey } from '../../src/est/server-key.ts'
import { parseCsr } from '../../src/pki/csr/parse.ts'
import { csrDer } from '../api/requests.ts'

const profile = { name: 'server', approval: 'none', keyTypes: ['P-256'] }
const label = { options: { serverKeys: true }, profile } as unknown as Label
const issuer = { issue: () => Promise.reject(new Error('a key was made')) } as unknown as Issuer
const parts = { issuer, authorities: {} as Authorities, profiles: new Map() }
const csr = parseCsr(csrDer(['dns:web.example.test']))

function holder(tokenId: number, spentOn: string | null) {
  const token = { tokenId, profile: 'server', names: [], expiresAt: 0, spentOn, requestId: null }
  return {
    principal: { kind: 'token', id: `token:${tokenId}`, token } as const,
    credentials: { basic: null, peer: null },
    origin: { address: '127.0.0.1', requestId: 'r' },
  }
}

test('no key is made for a token that is spent: that costs much, and its holder can get nothing', async () => {
  const asked = enrolWithServerKey(csr, holder(1, '4f01'), label, parts)
  await expect(asked).rejects.toMatchObject({ code: 'tokenSpent' })
})

test('the holder of one token, who asks for ever more keys, keeps nobody else from one', async () => {
  const outcomeFor = (tokenId: number) =>
    enrolWithServerKey(csr, holder(tokenId, null), label, parts).catch((error: Error) => error.message)
  const many = Array.from({ length: 40 }, () => outcomeFor(1))
  expect(await outcomeFor(2)).toBe('a key was made')
  expect(new Set(await Promise.all(many))).toEqual(
    new Set(['a key was made', 'overloaded: Too many keys are being made: try again shortly.']),
  )
})
