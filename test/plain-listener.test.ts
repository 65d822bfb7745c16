import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { keepYoung } from '../src/plain-listener.ts'
import { eventually } from './eventually.ts'

test('the socket of workers is touched each minute, so that nobody tidies it away, and is missed where it is gone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-plain-'))
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const path = join(folder, 'main.sock')
  writeFileSync(path, '')
  const now = new Date('2026-11-24T18:14:19Z')
  const logged: string[] = []
  const log = { warn: () => {}, error: (_facts: object, message: string) => void logged.push(message) }
  const stop = keepYoung(path, () => now, log)
  onTestFinished(() => {
    stop()
    vi.useRealTimers()
    rmSync(folder, { recursive: true })
  })
  for (let day = 0; day < 2; day++) {
    utimesSync(path, 0, 0)
    vi.advanceTimersByTime(60_000)
    await eventually(() => expect(statSync(path).mtime).toEqual(now))
  }
  rmSync(path)
  vi.advanceTimersByTime(60_000)
  await eventually(() => expect(logged).toEqual([expect.stringContaining('is gone')]))
})
