import { expect, test } from 'vitest'
import { audit, NOW, sha256 } from './records.ts'
import { temporaryStore } from './temporary.ts'

test('the latest hundred of the former keys of an account are kept: each validation by a record that stays reads them', async () => {
  const store = await temporaryStore()
  const { accountId } = await store.write('createAcmeAccount', {
    ...{ thumbprint: sha256('key 0'), jwk: '{}', contacts: [], termsAgreedAt: null, external: null },
    ...{ createdAt: NOW, createdFrom: '127.0.0.1', audit: audit('account.create') },
  })
  for (let turn = 0; turn < 103; turn++) {
    await store.write('rollAcmeAccountKey', {
      ...{ accountId, oldThumbprint: sha256(`key ${turn}`), thumbprint: sha256(`key ${turn + 1}`) },
      ...{ jwk: '{}', at: NOW + turn, audit: audit('account.rollover') },
    })
  }
  const kept = await store.read.acmeFormerKeys(accountId)
  expect(kept).toHaveLength(100)
  expect(kept[0]).toEqual(sha256('key 102'))
  expect(kept.at(-1)).toEqual(sha256('key 3'))
})
