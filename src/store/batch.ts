import { instant, secondsSince } from '../metrics/timings.ts'
import type { Connection } from './connection.ts'
import { toCrossed } from './crossed-error.ts'
import type { NoticeSettings } from './notice-commands.ts'
import { isStorageFailure } from './storage-failure.ts'
import { createHandlers, type Handlers } from './write/handlers.ts'
import { forgetUndone } from './write/memory.ts'
import type { Answer, BatchTimes, ReadyCommand } from './writer-messages.ts'

/** Batches after one in which a command failed. */
const CAREFUL = 8

/**
 * Runs commands as one transaction with one sync, and returns their answers in order, none of which may be told before this
 * returns. A command that fails undoes only itself. Throws if the transaction failed: then none took effect.
 *
 * A savepoint has SQLite copy each page before it is changed, and hardly a command fails: so they run without. Where one
 * does fail all of it is undone and run anew, each in a savepoint of its own, and so are the next batches at once: whoever
 * provokes failures must not have all others pay twice.
 */
export function batchRunner(
  db: Connection,
  notices?: NoticeSettings,
): (commands: readonly ReadyCommand[]) => { answers: Answer[]; times: Omit<BatchTimes, 'signing'> } {
  const handlers = createHandlers(db, notices)
  const open = db.prepare('SAVEPOINT command')
  const undo = db.prepare('ROLLBACK TO command')
  const release = db.prepare('RELEASE command')

  function answer(command: ReadyCommand): Answer {
    open.run()
    try {
      const output = dispatch(handlers, command)
      release.run()
      return { id: command.id, output }
    } catch (error) {
      // After some storage failures SQLite has rolled the whole transaction back by itself.
      if (isStorageFailure(error) || !db.inTransaction) throw error
      undo.run()
      release.run()
      forgetUndone(db)
      return { id: command.id, error: toCrossed(error) }
    }
  }

  let executed = 0n
  // Immediate: a transaction that begins by reading could lose its snapshot to another writer half-way.
  const transaction = (each: (command: ReadyCommand) => Answer) =>
    db.transaction((commands: readonly ReadyCommand[]) => {
      const answers = commands.map(each)
      executed = instant()
      return answers
    }).immediate
  /** What a command threw; an error of the transaction itself is another, and leaves in doubt what is on record. */
  let refusal: unknown
  const together = transaction((command) => {
    try {
      return { id: command.id, output: dispatch(handlers, command) }
    } catch (error) {
      refusal = error
      throw error
    }
  })
  const apart = transaction(answer)

  /** Batches that are to be run with savepoints. */
  let careful = 0
  function run(commands: readonly ReadyCommand[]): Answer[] {
    try {
      if (careful === 0) return together(commands)
    } catch (error) {
      if (error !== refusal || isStorageFailure(error)) throw error
      forgetUndone(db)
    }
    const answers = apart(commands)
    careful = answers.some((one) => 'error' in one) ? CAREFUL : Math.max(0, careful - 1)
    return answers
  }
  return (commands) => {
    const start = instant()
    try {
      const answers = run(commands)
      const times = { commands: commands.length, batch: secondsSince(start), commit: secondsSince(executed) }
      return { answers, times }
    } catch (error) {
      forgetUndone(db)
      throw error
    }
  }
}

function dispatch(handlers: Handlers, { kind, input }: ReadyCommand): unknown {
  // Each pair was typed by `Store.write`; the union of all of them is what cannot be told apart here.
  const handler = handlers[kind] as (input: unknown) => unknown
  return handler(input)
}
