import { Labelled } from './labelled.ts'

/** How many values fell below each bound, and their sum: what a Prometheus histogram needs, at the price of a few additions. */
export class Distribution {
  /** Ascending. */
  readonly bounds: readonly number[]
  /** One for each bound, of what is above the bound before it; the last of what is above all. */
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(value: number): void {
    let i = 0
    while (i < this.bounds.length && value > this.bounds[i]!) i++
    this.counts[i]!++
    this.sum += value
  }
}

/** Seconds, from a quarter of a millisecond to ten seconds. */
const SECONDS = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** Commands that share a commit. */
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

export type Timings = Distribution

export function timings(): Timings {
  return new Distribution(SECONDS)
}

export function sizes(): Distribution {
  return new Distribution(SIZES)
}

export function timingsBy(...names: readonly string[]): Labelled<Timings> {
  return new Labelled(names, timings)
}

/** For `secondsSince`: monotonic, whatever becomes of the clock. */
export function instant(): bigint {
  return process.hrtime.bigint()
}

export function secondsSince(start: bigint): number {
  return Number(process.hrtime.bigint() - start) / 1e9
}
