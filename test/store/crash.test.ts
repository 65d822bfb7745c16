import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import Database from 'better-sqlite3'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { eventually } from '../eventually.ts'
import { authority, issuance, serial } from './records.ts'
import { temporaryDatabase } from './temporary.ts'

// Processes are started here, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const PROGRAM = new URL('./writing-process.ts', import.meta.url).pathname

/** Starts the program, behind others such as a tracer if given; yields its lines. */
function serve(
  file: string,
  count: number,
  ...before: string[]
): { child: ChildProcess; lines: AsyncIterable<string> } {
  const [command, ...rest] = [...before, process.execPath, PROGRAM, file, String(count)]
  const child = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return { child, lines: createInterface(child.stdout) }
}

async function expectRecorded(store: Store, numbers: Iterable<number>): Promise<void> {
  for (const n of numbers) expect(await store.read.certificate(serial(n))).not.toBeNull()
}

const has = (program: string) => spawnSync(program, ['--version']).status === 0

test('what was acknowledged survives SIGKILL, and the lock does not', async () => {
  const file = temporaryDatabase()
  const { child, lines } = serve(file, 1_000_000)
  const recorded = new Set<number>()
  for await (const line of lines) {
    if (line === 'ready') {
      await expect(openStore({ file })).rejects.toMatchObject({ detail: expect.stringContaining('in use') })
    }
    if (line.startsWith('recorded')) recorded.add(Number(line.split(' ')[1]))
    if (recorded.size === 200) child.kill('SIGKILL')
  }
  expect(recorded.size).toBeGreaterThanOrEqual(200)
  const store = await openStore({ file })
  await expectRecorded(store, recorded)
  await store.close()
})

describe('a disk that fails', () => {
  test.runIf(has('prlimit'))(
    'takes writes again once a WAL that may not grow by a page is folded',
    async () => {
      const file = temporaryDatabase()
      const store = await openStore({ file, probeMilliseconds: 20 })
      await store.write('recordAuthority', authority())
      let n = 0
      const wal = () => statSync(`${file}-wal`).size
      while (wal() < 1_000_000) await store.write('recordIssuance', issuance(n++))
      const limit = (bytes: number | string) =>
        execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`])
      limit(wal())
      try {
        await expect(store.write('recordIssuance', issuance(n++))).rejects.toMatchObject({
          code: 'storeFailed',
        })
        await eventually(() => store.write('recordIssuance', issuance(n++)))
      } finally {
        limit('unlimited')
      }
      await store.close()
    },
  )

  // The limit is this test process's own, on the size that any file may grow to; EFBIG stands in for a full disk.
  test.runIf(has('prlimit'))('refuses writes until it takes them again', async () => {
    const file = temporaryDatabase()
    const store = await openStore({ file, probeMilliseconds: 20 })
    await store.write('recordAuthority', authority())
    await store.write('recordIssuance', issuance(0))
    const limit = (bytes: string) =>
      execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`])
    limit(String(statSync(`${file}-wal`).size + 4096))
    try {
      const batch = [1, 2, 3].map((n) => store.write('recordIssuance', issuance(n)))
      for (const result of await Promise.allSettled(batch)) {
        expect(result).toMatchObject({ status: 'rejected', reason: { code: 'storeFailed', retryAfter: 1 } })
      }
      expect(store.healthy).toBe(false)
      await expect(store.write('recordIssuance', issuance(4))).rejects.toMatchObject({ code: 'storeFailed' })
      // Reads go on: what is on record can still be served.
      expect(await store.read.certificate(serial(0))).not.toBeNull()
      expect(await store.read.certificate(serial(1))).toBeNull()
    } finally {
      limit('unlimited')
    }
    await vi.waitFor(() => expect(store.healthy).toBe(true), { timeout: 30_000, interval: 10 })
    await store.write('recordIssuance', issuance(5))
    await store.close()
    const again = await openStore({ file })
    await expectRecorded(again, [0, 5])
    for (const n of [1, 2, 3, 4]) expect(await again.read.certificate(serial(n))).toBeNull()
    await again.close()
  })

  test.runIf(has('prlimit'))('brings no database forward: that is for a start', async () => {
    const file = temporaryDatabase()
    const store = await openStore({ file, probeMilliseconds: 20 })
    await store.write('recordAuthority', authority())
    // As if a package with another migration had been installed meanwhile.
    const db = new Database(file)
    const before = (db.pragma('user_version', { simple: true }) as number) - 1
    db.pragma(`user_version = ${before}`)
    const limit = (bytes: string) =>
      execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`])
    limit(String(statSync(`${file}-wal`).size + 4096))
    try {
      await expect(store.write('recordIssuance', issuance(0))).rejects.toMatchObject({ code: 'storeFailed' })
    } finally {
      limit('unlimited')
    }
    await vi.waitFor(() => expect(store.healthy).toBe(true), { timeout: 30_000, interval: 10 })
    await store.write('recordIssuance', issuance(1))
    expect(db.pragma('user_version', { simple: true })).toBe(before)
    db.close()
    await store.close()
  })

  test.runIf(has('strace'))('acknowledges nothing that a failed sync left in doubt', async () => {
    const file = temporaryDatabase()
    const { child, lines } = serve(
      file,
      400,
      ...['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync'],
      ...['-e', 'inject=fsync,fdatasync:error=EIO:when=12..40+7'],
    )
    const outcomes = { recorded: new Set<number>(), refused: new Set<number>() }
    let end = ''
    const exited = once(child, 'exit')
    for await (const line of lines) {
      const [what, n, code] = line.split(' ')
      if (what === 'recorded' || what === 'refused') outcomes[what].add(Number(n))
      if (what === 'refused') expect(code).toBe('storeFailed')
      end = line
    }
    expect(await exited).toEqual([0, null])
    expect(end).toBe('healthy true')
    expect(outcomes.refused.size).toBeGreaterThan(0)
    expect(outcomes.recorded.size).toBeGreaterThan(100)
    const store = await openStore({ file })
    await expectRecorded(store, outcomes.recorded)
    await store.close()
  })
})
