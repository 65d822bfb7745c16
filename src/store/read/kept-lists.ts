import type { Connection } from '../connection.ts'
import { type EntryRun, entryReader, RUN_LENGTH, type RunsWanted } from './crl-runs.ts'

interface KeptList {
  /** The newest change that it knows of. */
  readonly through: number
  readonly floor: number
  /** The thisUpdate of the list that it was read for. */
  readonly at: number
  /** Each has the entries of the certificates after the last one of the run before, up to its own last one. */
  readonly runs: readonly EntryRun[]
}

type ListWanted = Pick<RunsWanted, 'authority' | 'floor' | 'at'>

/** Lists shorter than this are read whole each time. Runs. */
const WORTH_KEEPING = 2

/**
 * The full lists of all certificates, by authority. Of a long one the runs are kept, and those in which something changed
 * are read again: a revocation among a million then costs one run. `runLength` in entries.
 */
export function keptLists(db: Connection, runLength = RUN_LENGTH) {
  const lists = new Map<number, KeptList>()
  const source = { table: 'revocations', key: 'certificate', where: 'TRUE' } as const
  const read = entryReader(db, { ...source, index: 'revocations_authority' }, runLength)
  // What was revoked and is not any more has a row in `releases`, which goes only when it is revoked again.
  const changedSince = db
    .prepare<[object], number>(
      `SELECT certificate FROM revocations INDEXED BY revocations_changes WHERE authority = :authority AND change > :through
       UNION ALL
       SELECT certificate FROM releases INDEXED BY releases_changes WHERE authority = :authority AND change > :through`,
    )
    .pluck()

  function afresh({ authority, floor, at }: ListWanted): EntryRun[] {
    return read({ authority, after: -1, floor, at })
  }

  function renewed({ authority, floor, at }: ListWanted, { through, runs }: KeptList): readonly EntryRun[] {
    const stale = new Set<number>()
    for (const certificate of changedSince.iterate({ authority, through }))
      stale.add(runOf(runs, certificate))
    for (const [i, run] of runs.entries()) if (run.firstExpiry < floor) stale.add(i)
    if (stale.size === 0) return runs
    if (stale.size > runs.length / 2) return afresh({ authority, floor, at })
    return runs.flatMap((run, i) => {
      if (!stale.has(i)) return run
      const after = runs[i - 1]?.last ?? -1
      // What was revoked after all others belongs to the last run.
      return read({ authority, after, ...(i === runs.length - 1 ? {} : { until: run.last }), floor, at })
    })
  }

  return {
    /** Of the state of the present transaction, in which `through` is the newest change. */
    current(wanted: ListWanted, through: number): readonly EntryRun[] {
      const { authority, floor, at } = wanted
      const kept = lists.get(authority)
      // Those that had expired by a clock that was ahead are not in the runs, and others may be dated by it.
      const isOlder = kept !== undefined && kept.floor <= floor && kept.at <= at
      const runs = isOlder ? renewed(wanted, kept) : afresh(wanted)
      const entries = runs.reduce((sum, { count }) => sum + count, 0)
      // Runs are split where they grow: many short ones are put together by reading all of them.
      const whole = runs.length > 2 * Math.ceil(entries / runLength) + 2 ? afresh(wanted) : runs
      if (whole.length < WORTH_KEEPING) lists.delete(authority)
      else lists.set(authority, { through, floor, at, runs: whole })
      return whole
    },
  }
}

/** The run to which a certificate belongs. */
function runOf(runs: readonly EntryRun[], certificate: number): number {
  let [low, high] = [0, runs.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (runs[middle]!.last < certificate) low = middle + 1
    else high = middle
  }
  return low
}
