import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { IssuanceRecord } from '../../src/store/commands.ts'
import { createDatabase, openStore, type StoreOptions } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { authority, issuance } from './records.ts'

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'chancery-store-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export function temporaryDatabase(): string {
  const file = join(temporaryDirectory(), 'chancery.db')
  createDatabase(file)
  return file
}

/** A store with the authority "issuing", closed when the test ends. */
export async function temporaryStore(options: Partial<StoreOptions> = {}): Promise<Store> {
  const store = await openStore({ file: temporaryDatabase(), ...options })
  onTestFinished(() => store.close())
  await store.write('recordAuthority', authority())
  return store
}

/** Issues the certificates 0 to count - 1. */
export async function issueMany(
  store: Store,
  count: number,
  changes: (n: number) => Partial<IssuanceRecord> = () => ({}),
): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, n) => store.write('recordIssuance', issuance(n, changes(n)))),
  )
}
