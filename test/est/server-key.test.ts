import { expect, test } from 'vitest'
import type { Authorities } from '../../src/ca/authorities.ts'
import type { Issuer } from '../../src/ca/issue.ts'
import type { Label } from '../../src/est/labels.ts'
import { enrolWithServerKey } from '../../src/est/server-key.ts'
import { parseCsr } from '../../src/pki/csr/parse.ts'
import { csrDer } from '../api/requests.ts'

test('no key is made for a token that is spent: that costs much, and its holder can get nothing', async () => {
  const profile = { name: 'server', approval: 'none', keyTypes: ['P-256'] }
  const label = { options: { serverKeys: true }, profile } as unknown as Label
  const token = { tokenId: 1, profile: 'server', names: [], expiresAt: 0, spentOn: '4f01', requestId: null }
  const caller = {
    principal: { kind: 'token', id: 'token:1', token } as const,
    credentials: { basic: null, peer: null },
    origin: { address: '127.0.0.1', requestId: 'r' },
  }
  const issuer = { issue: () => Promise.reject(new Error('a key was made')) } as unknown as Issuer
  const parts = { issuer, authorities: {} as Authorities, profiles: new Map() }
  const csr = parseCsr(csrDer(['dns:web.example.test']))
  await expect(enrolWithServerKey(csr, caller, label, parts)).rejects.toMatchObject({ code: 'tokenSpent' })
})
