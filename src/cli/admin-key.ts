import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { createAdminKey } from '../auth/admin-keys.ts'
import { epochSeconds, rfc3339 } from '../clock.ts'
import { facts, table } from './layout.ts'
import { offlineAudit, withStore } from './offline.ts'
import { print, type Terminal } from './terminal.ts'

interface AdminKeyOptions {
  readonly dir?: string
  readonly json?: boolean
}

/** On the data directory itself: who holds an admin key cannot make another one of it, nor shut the others out. */
export function adminKeyCommand(terminal: Terminal): Command {
  return new Command('admin-key')
    .description('Admin keys, in the data directory itself; the service must be stopped')
    .addCommand(createCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(revokeCommand(terminal))
}

function createCommand(terminal: Terminal): Command {
  const command = new Command('create')
    .description('Make an admin key and write it into a file of its own; it is never printed')
    .argument(
      '<name>',
      'who or what it is for, as the audit log will say: lower-case letters, digits, hyphens',
    )
    .option('--out <file>', 'where the key goes; a file that exists is left alone (<dir>/<name>.key)')
  addDirectoryOptions(command).action(async (name: string, options: AdminKeyOptions & { out?: string }) => {
    const file = await withStore(options, terminal, async (store, dir) => {
      const path = resolve(options.out ?? join(dir, `${name}.key`))
      await createAdminKey({ name, file: path }, offlineAudit('admin-key.create', name, terminal), store)
      return path
    })
    print(terminal, options.json, { name, file }, () =>
      facts([
        ['Admin key', `${file} (keep it secret)`],
        ['Name', name],
      ]),
    )
  })
  return command
}

function listCommand(terminal: Terminal): Command {
  const command = new Command('list').description('List admin keys, also revoked ones; never their secrets')
  addDirectoryOptions(command).action(async (options: AdminKeyOptions) => {
    const rows = await withStore(options, terminal, (store) => store.read.adminKeys())
    const adminKeys = rows.map(({ name, createdAt, revokedAt }) => ({
      name,
      createdAt: rfc3339(createdAt),
      revokedAt: revokedAt === null ? null : rfc3339(revokedAt),
    }))
    print(terminal, options.json, { adminKeys }, () =>
      table(
        ['name', 'created', 'revoked'],
        adminKeys.map(({ name, createdAt, revokedAt }) => [name, createdAt, revokedAt ?? '']),
      ),
    )
  })
  return command
}

function revokeCommand(terminal: Terminal): Command {
  const command = new Command('revoke')
    .description('Make an admin key useless; tokens that were made with it stay good')
    .argument('<name>', 'name, as "admin-key list" shows it')
  addDirectoryOptions(command).action(async (name: string, options: AdminKeyOptions) => {
    const at = epochSeconds(terminal.clock())
    const audit = offlineAudit('admin-key.revoke', name, terminal)
    const outcome = await withStore(options, terminal, (store) =>
      store.write('revokeAdminKey', { name, at, audit }),
    )
    print(terminal, options.json, { name, ...outcome }, () => {
      const done = `Admin key ${name} ${outcome.changed ? 'is revoked' : 'was revoked before'}.\n`
      return outcome.left > 0
        ? done
        : `${done}There is none left: nobody can administer the service until "chancery admin-key create" makes another.\n`
    })
  })
  return command
}

function addDirectoryOptions(command: Command): Command {
  return command
    .option('--dir <directory>', 'data directory (CHANCERY_DIR, ./data)')
    .option('--json', 'machine-readable output: one JSON document')
}
