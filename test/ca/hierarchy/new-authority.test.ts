import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defaultHierarchy } from '../../../src/ca/hierarchy/defaults.ts'
import { createAuthority } from '../../../src/ca/hierarchy/new-authority.ts'
import { audit, authority } from '../../store/records.ts'
import { temporaryDirectory, temporaryStore } from '../../store/temporary.ts'

test('a key whose authority could not be recorded is taken away again', async () => {
  const place = { store: await temporaryStore(), directory: temporaryDirectory(), passphrase: 'passphrase' }
  const { intermediate } = defaultHierarchy()
  const creating = createAuthority(intermediate, place, audit('authority.create'))
  // While the key is being made, somebody else takes the id.
  const other = authority({ id: intermediate.id, keyFile: 'keys/other.pem' })
  await Promise.all([
    place.store.write('recordAuthority', other),
    expect(creating).rejects.toMatchObject({ code: 'conflict' }),
  ])
  expect(readdirSync(join(place.directory, 'keys'))).toEqual([])
  const next = await createAuthority({ ...intermediate, id: 'next' }, place, audit('authority.create'))
  expect(next.csr.length).toBeGreaterThan(0)
  expect(readdirSync(join(place.directory, 'keys'))).toEqual(['next.key.pem'])
})
