import type { Count } from '../metrics/labelled.ts'
import { type Distribution, sizes, type Timings, timings } from '../metrics/timings.ts'
import type { QueueLimit } from './writer-queue.ts'

/** How the writer fares, in this process's memory; what grows begins at 0 with the process. */
export interface StoreFigures {
  /** Commands that wait or are being written, and their size. */
  readonly waiting: number
  readonly bytes: number
  readonly limit: QueueLimit
  /** Commands that found the queue full. */
  readonly refused: Count
  /** Batches of which nothing is told to be on record. */
  readonly failedBatches: Count
  /** Seconds that each commit took: what the disk does. */
  readonly commits: Timings
  /** Seconds from a batch's first command to the end of its commit. */
  readonly batches: Timings
  /** Commands that shared a commit. */
  readonly batchSizes: Distribution
}

export function storeFigures(): Omit<StoreFigures, 'waiting' | 'bytes' | 'limit'> {
  return {
    refused: { count: 0 },
    failedBatches: { count: 0 },
    commits: timings(),
    batches: timings(),
    batchSizes: sizes(),
  }
}
