import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { AuditEntry, TokenRecord } from '../../src/store/commands.ts'
import { rememberNewTokens } from '../../src/store/new-tokens.ts'
import type { TokenRow } from '../../src/store/queries.ts'
import type { Store } from '../../src/store/store.ts'

const audit = {} as AuditEntry
const hashOf = (secret: string) => createHash('sha256').update(secret).digest()

/** A store of one token, whose reads are counted and whose writes end when they are told to. */
function storeOf() {
  const state = { reads: 0, revokedAt: null as number | null }
  const read = async () => {
    state.reads++
    return { tokenId: 7, revokedAt: state.revokedAt } as TokenRow
  }
  const settled: PromiseWithResolvers<never>[] = []
  const write = () => {
    const one = Promise.withResolvers<never>()
    settled.push(one)
    return one.promise
  }
  const tokens = rememberNewTokens({ read: { tokenByHash: read }, write: write as unknown as Store['write'] })
  const create = async (secret: string) => {
    const record: TokenRecord = {
      ...{
        hash: hashOf(secret),
        profile: 'server',
        names: [{ type: 'dns' as const, value: 'a.example.test' }],
      },
      ...{ expiresAt: 20, createdAt: 10, createdBy: 'admin:x', audit },
    }
    const made = tokens.write('createToken', record)
    settled.at(-1)!.resolve({ tokenId: 7 } as never)
    await made
  }
  return {
    state,
    settled,
    create,
    write: tokens.write,
    byHash: (it: string) => tokens.tokenByHash(hashOf(it)),
  }
}

test('a new token is what it was made as, once; after that the table is asked', async () => {
  const { state, create, byHash } = storeOf()
  await create('one')
  expect(await byHash('one')).toEqual({
    ...{ tokenId: 7, profile: 'server', names: [{ type: 'dns', value: 'a.example.test' }] },
    ...{ expiresAt: 20, createdAt: 10, createdBy: 'admin:x' },
    ...{ revokedAt: null, spentAt: null, spentOn: null, request: null },
  })
  expect(state.reads).toBe(0)
  await byHash('one')
  await byHash('other')
  expect(state.reads).toBe(2)
})

test('one that could not be recorded is not known', async () => {
  const { state, settled, write, byHash } = storeOf()
  const made = write('createToken', { hash: hashOf('one'), names: [] } as never)
  settled[0]!.reject(new Error('the disk is full'))
  await expect(made).rejects.toThrow('the disk is full')
  await byHash('one')
  expect(state.reads).toBe(1)
})

test.each(['resolve', 'reject'] as const)(
  'one that was revoked, or may have been, is not remembered (%s)',
  async (how) => {
    const { state, settled, create, write, byHash } = storeOf()
    await create('one')
    const revoked = write('revokeToken', { tokenId: 7, at: 12, audit }).catch(() => {})
    state.revokedAt = 12
    settled.at(-1)![how]({} as never)
    await revoked
    expect(await byHash('one')).toMatchObject({ revokedAt: 12 })
  },
)

test('so many are remembered and no more', async () => {
  const { state, create, byHash } = storeOf()
  for (let i = 0; i <= 10_000; i++) await create(`token ${i}`)
  await byHash('token 0')
  expect(state.reads).toBe(1)
  await byHash('token 1')
  expect(state.reads).toBe(1)
})
