import { type Running, usage } from './processes.ts'

/** What one server did in one round. */
export interface Round {
  readonly done: number
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Seconds of processor time of the server, all threads and children. */
  readonly serverCpu: number
  /** Cores that the client kept busy. */
  readonly clientCores: number
}

export type Load = Omit<Round, 'serverCpu'>

/** A round, with what it cost the server. */
export async function measure(server: Pick<Running, 'process'>, load: () => Promise<Load>): Promise<Round> {
  const before = usage(server).cpu
  const done = await load()
  return { ...done, serverCpu: usage(server).cpu - before }
}

/** The cells that all tables of rates have, of several rounds: medians, since others may use the machine in some of them. */
export const RATE_HEAD = ['per second', 'p50 ms', 'p99 ms', 'server CPU ms each', 'client cores'] as const

export function rateCells(rounds: readonly Round[], digits = 2): string[] {
  return [
    median(rounds.map(({ perSecond }) => perSecond)).toFixed(0),
    median(rounds.map(({ p50 }) => p50)).toFixed(1),
    median(rounds.map(({ p99 }) => p99)).toFixed(1),
    median(rounds.map(({ serverCpu, done }) => (serverCpu * 1000) / done)).toFixed(digits),
    median(rounds.map(({ clientCores }) => clientCores)).toFixed(2),
  ]
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Of a sorted list. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!
}
