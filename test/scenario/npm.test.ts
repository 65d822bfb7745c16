import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { missing, workFolder } from './tools.ts'

const checkout = fileURLToPath(new URL('../..', import.meta.url))

/** npm and npx put a shell between themselves and the service: whoever stops the one that was started means the service. */
test.skipIf(missing('npm')).each([
  ['npm', ['start']],
  ['npx', ['chancery', 'serve']],
])(
  'SIGTERM to "%s %j" stops the service in order',
  async (command, args) => {
    const directory = workFolder()
    const environment = { CHANCERY_DIR: directory, CHANCERY_TLS_PORT: '0', CHANCERY_HTTP_PORT: '0' }
    // A group of its own, so that nothing of it can outlive a failed test.
    const child = spawn(command, args, {
      cwd: checkout,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    })
    onTestFinished(() => {
      try {
        process.kill(-child.pid!, 'SIGKILL')
      } catch {
        // Nothing of the group is left, which is as it should be.
      }
    })
    let printed = ''
    child.stdout.on('data', (text: Buffer) => {
      printed += text
    })
    await vi.waitFor(() => expect(printed).toContain('Chancery is ready'), { timeout: 60_000, interval: 100 })
    expect(existsSync(join(directory, 'chancery.db-wal'))).toBe(true)
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
    // The last connection to close folds the write-ahead log into the database and removes it.
    const closed = () => expect(existsSync(join(directory, 'chancery.db-wal'))).toBe(false)
    await vi.waitFor(closed, { timeout: 20_000, interval: 100 })
  },
  120_000,
)
