import { existsSync } from 'node:fs'
import { auditEntry, SYSTEM_ORIGIN } from '../ca/audit.ts'
import { dataFiles } from '../config/data-directory.ts'
import { dataDirectory } from '../config/load.ts'
import type { AuditEntry } from '../store/commands.ts'
import { openStore } from '../store/open.ts'
import type { Store } from '../store/store.ts'
import type { ServiceOptions } from './service.ts'
import type { Terminal } from './terminal.ts'

export interface OfflineOptions extends ServiceOptions {
  readonly offline?: boolean
}

/**
 * Whether a command works on the data directory itself: asked for, or because there is no root yet that could prove
 * the service. The service must be stopped meanwhile: the store allows one process.
 */
export function isOffline(options: OfflineOptions, terminal: Terminal): boolean {
  if (options.offline) return true
  const files = dataFiles(dataDirectory(terminal.environment, options.dir))
  return !options.url && !options.root && !existsSync(files.root) && existsSync(files.database)
}

export async function withStore<T>(
  options: OfflineOptions,
  terminal: Terminal,
  work: (store: Store, dir: string) => Promise<T>,
): Promise<T> {
  const dir = dataDirectory(terminal.environment, options.dir)
  const store = await openStore({ file: dataFiles(dir).database })
  try {
    return await work(store, dir)
  } finally {
    await store.close()
  }
}

/** Whoever can write the data directory acts as the system itself. */
export function offlineAudit(action: string, target: string, terminal: Terminal): AuditEntry {
  return auditEntry(action, 'ok', target, { id: 'system:cli' }, SYSTEM_ORIGIN, terminal.clock())
}
