import type { CommandKind, Commands } from './commands.ts'
import type { StoreFigures } from './figures.ts'
import type { Queries } from './queries.ts'

/**
 * The store as the rest of the service sees it: whole commands through the one writer, and reads.
 * `write` resolves only after the command is durable (committed and synced); it rejects with a `CaError`,
 * "overloaded" when the queue is full and "storeFailed" when the disk or the writer fails.
 */
export interface Store {
  readonly read: Queries
  write<K extends CommandKind>(kind: K, input: Commands[K]['input']): Promise<Commands[K]['output']>
  /** False while the database cannot be written or read: the service is then not ready. */
  readonly healthy: boolean
  /**
   * Called when writes are taken again after they were not. What was answered with doubt ("may or may not be on record") is
   * decided by then: whoever keeps in memory what the database says must look again.
   */
  onResumed(listener: () => void): void
  readonly figures: StoreFigures
  readonly databaseFile: string
  /** Which file that is, for those who open it anew (`refuseAnother`). */
  readonly databaseIdentity: string | null | undefined
  /** Finishes what is queued, checkpoints the WAL, closes every connection. */
  close(): Promise<void>
}
