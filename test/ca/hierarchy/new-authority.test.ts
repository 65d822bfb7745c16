import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { defaultHierarchy } from '../../../src/ca/hierarchy/defaults.ts'
import { createAuthority } from '../../../src/ca/hierarchy/new-authority.ts'
import { openStore } from '../../../src/store/open.ts'
import { audit, authority } from '../../store/records.ts'
import { temporaryDatabase, temporaryDirectory } from '../../store/temporary.ts'

test('a key whose authority could not be recorded is taken away again', async () => {
  const store = await openStore({ file: temporaryDatabase() })
  onTestFinished(() => store.close())
  const place = { store, directory: temporaryDirectory(), passphrase: 'passphrase' }
  const { intermediate } = defaultHierarchy()
  const creating = createAuthority(intermediate, place, audit('authority.create'))
  // While the key is being made, somebody else takes the id.
  const other = authority({
    ...{ id: intermediate.id, keyFile: 'keys/other.pem' },
    ...{ state: 'pending', isDefault: false, certificate: null },
  })
  await Promise.all([
    place.store.write('recordAuthority', other),
    expect(creating).rejects.toMatchObject({ code: 'conflict' }),
  ])
  expect(readdirSync(join(place.directory, 'keys'))).toEqual([])
  const next = await createAuthority({ ...intermediate, id: 'next' }, place, audit('authority.create'))
  expect(next.csr.length).toBeGreaterThan(0)
  expect(readdirSync(join(place.directory, 'keys'))).toEqual(['next.key.pem'])
})
