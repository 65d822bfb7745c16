import { defineConfig } from 'vitest/config'

// Time is never what a test is about: a machine that is busy with something else must fail none. Milliseconds.
export default defineConfig({
  test: { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 30_000 } } },
})
