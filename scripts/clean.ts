import { rm } from 'node:fs/promises'

/** What the compiler no longer writes must not stay in the package. */
await rm(new URL('../dist', import.meta.url), { recursive: true, force: true })
