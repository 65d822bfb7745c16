import { existsSync, realpathSync } from 'node:fs'
import { openStore, type StoreOptions } from './open.ts'
import type { Queries } from './queries.ts'
import type { Store } from './store.ts'

/** A store that is not open yet. */
export interface PreparedStore {
  /** For what is built on it meanwhile. Not to be asked for anything before `open` has returned; to be closed at any time. */
  readonly store: Store
  /** Fails as `openStore` does; then there is nothing to close. */
  open(): Promise<void>
}

/** What is built on the store, and takes its time, is so built while another thread opens the database. */
export function prepareStore(options: StoreOptions): PreparedStore {
  const read = {} as Queries
  const early: (() => void)[] = []
  let opened: Store | null = null
  const now = () => {
    if (opened === null) throw new Error('the store is not open yet')
    return opened
  }
  return {
    store: {
      read,
      write: (kind, input) => now().write(kind, input),
      get healthy() {
        return opened?.healthy ?? false
      },
      get figures() {
        return now().figures
      },
      onResumed: (listener) => (opened ? opened.onResumed(listener) : early.push(listener)),
      get databaseFile() {
        if (opened) return opened.databaseFile
        return existsSync(options.file) ? realpathSync(options.file) : options.file
      },
      get databaseIdentity() {
        return opened?.databaseIdentity
      },
      close: async () => opened?.close(),
    },
    async open() {
      opened = await openStore(options)
      Object.assign(read, opened.read)
      for (const listener of early) opened.onResumed(listener)
    },
  }
}
