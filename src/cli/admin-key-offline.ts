import { createAdminKey, rotateAdminKey } from '../auth/admin-keys.ts'
import { epochSeconds, rfc3339 } from '../clock.ts'
import { CaError } from '../errors.ts'
import type { Role } from '../store/commands.ts'
import type { Store } from '../store/store.ts'
import type { AdminKeyAnswer, RotatedKey } from './answers.ts'
import { type OfflineOptions, offlineAudit, withStore } from './offline.ts'
import type { Terminal } from './terminal.ts'

/** What the commands on admin keys do in the data directory itself, as the system. */

export async function createOffline(
  wish: { name: string; role: Role; file: string },
  options: OfflineOptions,
  terminal: Terminal,
): Promise<void> {
  const audit = offlineAudit('admin-key.create', wish.name, terminal)
  await withStore(options, terminal, (store) => createAdminKey(wish, audit, store))
}

export async function listOffline(options: OfflineOptions, terminal: Terminal): Promise<AdminKeyAnswer[]> {
  const rows = await withStore(options, terminal, (store) => store.read.adminKeys())
  const shown = (seconds: number | null) => (seconds === null ? null : rfc3339(seconds))
  return rows.map(({ id, name, role, createdBy, ...times }) => ({
    ...{ id, name, role, createdBy },
    createdAt: rfc3339(times.createdAt),
    rotatedAt: shown(times.rotatedAt),
    formerUntil: shown(times.formerUntil),
    lastUsedAt: shown(times.lastUsedAt),
    revokedAt: shown(times.revokedAt),
  }))
}

export async function rotateOffline(
  { name, grace }: { name: string; grace: number },
  options: OfflineOptions,
  terminal: Terminal,
): Promise<RotatedKey> {
  const audit = offlineAudit('admin-key.rotate', name, terminal)
  return withStore(options, terminal, async (store) => {
    const { secret, formerUntil } = await rotateAdminKey({ id: await idOf(name, store), grace }, audit, store)
    return { key: secret, formerUntil: formerUntil === null ? null : rfc3339(formerUntil) }
  })
}

/** Also the last one: whoever has the data directory makes another. */
export async function revokeOffline(
  name: string,
  options: OfflineOptions,
  terminal: Terminal,
): Promise<{ changed: boolean; left: number }> {
  const audit = offlineAudit('admin-key.revoke', name, terminal)
  const at = epochSeconds(terminal.clock())
  return withStore(options, terminal, async (store) =>
    store.write('revokeAdminKey', { id: await idOf(name, store), at, keepAdmin: false, audit }),
  )
}

async function idOf(name: string, store: Store): Promise<number> {
  const found = (await store.read.adminKeys()).find((one) => one.name === name)
  if (!found) throw new CaError('notFound', `There is no admin key "${name}".`)
  return found.id
}
