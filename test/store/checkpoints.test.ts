import { EventEmitter } from 'node:events'
import { statSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Checkpoints, type CheckpointThread } from '../../src/store/checkpoints.ts'
import { openForReading, openForWriting } from '../../src/store/connection.ts'
import { checkpoint } from '../../src/store/database-blocks.ts'
import { identityOf } from '../../src/store/same-file.ts'
import { startCheckpointer } from '../../src/store/threads.ts'
import { eventually } from '../eventually.ts'
import { databaseOfPages } from './pages.ts'

/** A thread whose work the test does, or does not. */
class Steered extends EventEmitter implements CheckpointThread {
  readonly messages: string[] = []

  postMessage(message: string): void {
    this.messages.push(message)
  }
}

function unexpected(): never {
  throw new Error('no checkpoint was to fail')
}

test('a long WAL is moved by a thread, and the rest by the writer, so that it begins anew', async () => {
  const { file, db, descriptor, commit, log } = databaseOfPages('zeroblob')
  const checkpoints = new Checkpoints(
    db,
    descriptor,
    () => startCheckpointer(file, identityOf(file), descriptor),
    unexpected,
  )
  commit(79)
  checkpoints.look()
  expect(log().checkpointed).toBe(0)
  commit(2)
  checkpoints.look()
  // Committed while the thread is at work, or before it begins.
  commit(1)
  await eventually(() => expect(log()).toEqual({ busy: 0, log: log().log, checkpointed: log().log }))
  await checkpoints.close()
  commit(1)
  expect(log().log).toBeLessThan(200)
})

/** A WAL of which a checkpoint is under way: as much of it as there is by then is moved by `passes`, which says so later. */
function underWay() {
  const { file, db, descriptor, commit, log } = databaseOfPages('zeroblob')
  const other = openForWriting(file)
  onTestFinished(() => void other.close())
  const thread = new Steered()
  const checkpoints = new Checkpoints(db, descriptor, () => thread, unexpected)
  commit(81)
  checkpoints.look()
  return { commit, log, thread, checkpoints, passes: () => checkpoint(other, descriptor) }
}

test('the thread is asked again for what was committed while it was at work, three times at most', () => {
  const { commit, log, thread, checkpoints, passes } = underWay()
  for (const asked of [1, 2, 3]) {
    expect(thread.messages).toHaveLength(asked)
    passes()
    commit(4)
    // The next look is of a commit, not of the thread.
    checkpoints.look()
    thread.emit('message', true)
  }
  expect(thread.messages).toHaveLength(3)
  expect(log().checkpointed).toBe(log().log)
})

test('what is left is moved at once where it is little', () => {
  const { commit, log, thread, passes } = underWay()
  passes()
  commit(2)
  thread.emit('message', true)
  expect(thread.messages).toEqual(['checkpoint'])
  expect(log().checkpointed).toBe(log().log)
})

test.each([
  ['fails', (thread: Steered) => thread.emit('message', false)],
  [
    'dies',
    (thread: Steered) => {
      thread.emit('error', new Error('out of memory'))
      thread.emit('exit')
    },
  ],
])('where the thread %s, the writer moves all, and starts another for the next', (_, happens) => {
  const { db, descriptor, commit, log } = databaseOfPages('zeroblob')
  const threads: Steered[] = []
  const checkpoints = new Checkpoints(
    db,
    descriptor,
    () => {
      threads.push(new Steered())
      return threads.at(-1)!
    },
    unexpected,
  )
  commit(81)
  checkpoints.look()
  happens(threads[0]!)
  expect(log().checkpointed).toBe(log().log)
  expect(threads[0]!.messages).toEqual(['checkpoint', 'close'])
  // Said too late.
  threads[0]!.emit('message', true)
  commit(81)
  checkpoints.look()
  expect(threads[1]!.messages).toEqual(['checkpoint'])
})

test('where no thread can be started, the writer moves all', () => {
  const { db, descriptor, commit, log } = databaseOfPages('zeroblob')
  const refuses = () => {
    throw new Error('too many threads')
  }
  const checkpoints = new Checkpoints(db, descriptor, refuses, unexpected)
  commit(81)
  checkpoints.look()
  expect(log().checkpointed).toBe(log().log)
})

test('a checkpoint that the writer cannot make either is told, by whom it was begun', () => {
  const { db, descriptor, commit } = databaseOfPages('zeroblob')
  const thread = new Steered()
  let failures = 0
  const checkpoints = new Checkpoints(
    db,
    descriptor,
    () => thread,
    () => failures++,
  )
  commit(81)
  checkpoints.look()
  const read = db.prepare('SELECT 1 FROM pages').iterate()
  read.next()
  // better-sqlite3 refuses what writes while a read is open.
  thread.emit('message', false)
  expect(failures).toBe(1)
  expect(() => checkpoints.atOnce()).toThrow()
  read.return?.()
})

test('a short WAL is moved at once where that is asked for, and grows where it cannot be moved', () => {
  const { db, descriptor, commit, log } = databaseOfPages('zeroblob')
  const checkpoints = new Checkpoints(db, descriptor, unexpected, unexpected)
  commit(1)
  const fails = vi.spyOn(db, 'pragma').mockImplementation(() => {
    throw new Error('database or disk is full')
  })
  checkpoints.atOnce()
  expect(fails).toHaveBeenCalledOnce()
  fails.mockRestore()
  expect(log().checkpointed).toBe(0)
  checkpoints.atOnce()
  expect(log().checkpointed).toBe(log().log)
})

test('a short WAL is moved where the disk has little more room than that takes, and grows where it cannot be moved', () => {
  const { file, db, descriptor, commit, log } = databaseOfPages('zeroblob')
  const MIB = 1024 * 1024
  let room = 64 * MIB
  const asked: string[] = []
  const checkpoints = new Checkpoints(db, descriptor, unexpected, unexpected, (name) => {
    asked.push(name)
    return room
  })
  const commits = (hundreds: number) => {
    for (let n = 0; n < hundreds; n++) {
      commit(1)
      checkpoints.look()
    }
  }
  commits(19)
  expect(log().checkpointed).toBe(0)
  // Not with each commit, since it costs a call of the system.
  expect(asked).toEqual([file, file, file])
  room = 8 * MIB
  const fails = vi.spyOn(db, 'pragma').mockImplementation(() => {
    throw new Error('database or disk is full')
  })
  commits(10)
  expect(fails).toHaveBeenCalledTimes(2)
  fails.mockRestore()
  expect(log().checkpointed).toBe(0)
  commits(5)
  expect(log().log).toBeLessThan(1000)
})

test('where nobody can tell what room is left, a WAL may be as long as ever', () => {
  const { db, descriptor, commit, log } = databaseOfPages('zeroblob')
  const checkpoints = new Checkpoints(db, descriptor, unexpected, unexpected, () => {
    throw new Error('statfs: EIO')
  })
  commit(60)
  checkpoints.look()
  expect(log().checkpointed).toBe(0)
})

test('a WAL that begins anew has given its blocks back', () => {
  const { file, db, descriptor, commit } = databaseOfPages('zeroblob')
  const checkpoints = new Checkpoints(db, descriptor, unexpected, unexpected)
  commit(1)
  checkpoints.beginAnew()
  expect(statSync(`${file}-wal`).size).toBe(0)
})

test('while somebody reads for long it is tried again with each five hundred pages, not with each commit', () => {
  const { file, db, descriptor, commit, log } = databaseOfPages('zeroblob')
  const reader = openForReading(file)
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM pages').get()
  const thread = new Steered()
  const checkpoints = new Checkpoints(db, descriptor, () => thread, unexpected)
  let passes = 0
  const settle = () => {
    for (; passes < thread.messages.length; passes++) thread.emit('message', true)
  }
  for (let n = 0; n < 100; n++) {
    commit(1)
    checkpoints.look()
    settle()
  }
  // Three passes at each time, of which none gets anywhere.
  expect(passes / 3).toBeLessThanOrEqual(1 + 20 / 5)
  expect(passes).toBeGreaterThan(3)
  reader.close()
  commit(6)
  checkpoints.look()
  settle()
  expect(log().checkpointed).toBe(log().log)
})

test('it is known whether the thread is at work', () => {
  const { db, descriptor, commit } = databaseOfPages('zeroblob')
  const thread = new Steered()
  const checkpoints = new Checkpoints(db, descriptor, () => thread, unexpected)
  expect(checkpoints.isPassing).toBe(false)
  commit(81)
  checkpoints.look()
  expect(checkpoints.isPassing).toBe(true)
  checkpoint(db, descriptor)
  thread.emit('message', true)
  expect(checkpoints.isPassing).toBe(false)
})
