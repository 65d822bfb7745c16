import { existsSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { LONGEST_GRACE } from '../auth/admin-keys.ts'
import { parseDuration } from '../config/duration.ts'
import { dataDirectory } from '../config/load.ts'
import { besideOf, giveToOwner, syncDirectory, writeNewFile } from '../durable-files.ts'
import { ROLES, type Role } from '../store/commands.ts'
import { createOffline, listOffline, revokeOffline, rotateOffline } from './admin-key-offline.ts'
import { createOnline, listOnline, revokeOnline, rotateOnline } from './admin-key-online.ts'
import type { RotatedKey } from './answers.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { facts, table } from './layout.ts'
import { isOffline, type OfflineOptions } from './offline.ts'
import { addServiceOptions, adminClient } from './service.ts'
import { print, type Terminal } from './terminal.ts'

/** Over REST as an admin; or in the data directory itself, for when nobody has a key any more. */
export function adminKeyCommand(terminal: Terminal): Command {
  return new Command('admin-key')
    .description('Keys of those who administer the service, each with a role')
    .addCommand(createCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(rotateCommand(terminal))
    .addCommand(revokeCommand(terminal))
}

type Options = OfflineOptions & { readonly out?: string }

function createCommand(terminal: Terminal): Command {
  const command = new Command('create')
    .description('Make an admin key and write it into a file of its own; it is never printed')
    .argument(
      '<name>',
      'who or what it is for, as the audit log will say: lower-case letters, digits, hyphens',
    )
    .addOption(
      new Option(
        '--role <role>',
        'admin: everything; operator: revoke, approve and read; auditor: read',
      ).choices(ROLES),
    )
    .option('--out <file>', 'where the key goes; a file that exists is left alone (<dir>/<name>.key)')
  addOptions(command).action(async (name: string, options: Options & { role?: Role }) => {
    const { role } = options
    if (role === undefined)
      throw new Failure(EXIT.usage, `Say what the key is for: --role ${ROLES.join(', --role ')}.`)
    const file = keyFile(name, options, terminal)
    if (isOffline(options, terminal)) await createOffline({ name, role, file }, options, terminal)
    else await createOnline({ name, role, file }, adminClient(options, terminal.environment))
    print(terminal, options.json, { name, role, file }, () =>
      facts([
        ['Admin key', `${file} (keep it secret)`],
        ['Name', name],
        ['Role', role],
      ]),
    )
  })
  return command
}

function listCommand(terminal: Terminal): Command {
  const command = new Command('list').description('List admin keys, also revoked ones; never their secrets')
  addOptions(command).action(async (options: Options) => {
    const adminKeys = isOffline(options, terminal)
      ? await listOffline(options, terminal)
      : await listOnline(adminClient(options, terminal.environment))
    print(terminal, options.json, { adminKeys }, () =>
      table(
        ['id', 'name', 'role', 'created', 'last used', 'revoked'],
        adminKeys.map(({ id, name, role, createdAt, lastUsedAt, revokedAt }) => [
          ...[String(id), name, role, createdAt, lastUsedAt ?? 'never', revokedAt ?? ''],
        ]),
      ),
    )
  })
  return command
}

function rotateCommand(terminal: Terminal): Command {
  const command = new Command('rotate')
    .description('Give an admin key a new secret, and write it over the file of the old one')
    .argument('<name>', 'name, as "admin-key list" shows it')
    .option('--grace <duration>', `for how long the old secret goes on to count: 1h, 7d (0)`)
    .option('--out <file>', 'where the new secret goes (<dir>/<name>.key)')
  addOptions(command).action(async (name: string, options: Options & { grace?: string }) => {
    const file = keyFile(name, options, terminal)
    const grace = options.grace === undefined ? 0 : parseDuration(options.grace, '--grace')
    if (grace > LONGEST_GRACE) throw new Failure(EXIT.usage, '--grace is at most 30d.')
    const rotate = isOffline(options, terminal)
      ? () => rotateOffline({ name, grace }, options, terminal)
      : () => rotateOnline({ name, grace }, adminClient(options, terminal.environment))
    const formerUntil = await replaceKeyFile(file, rotate)
    print(terminal, options.json, { name, file, formerUntil }, () =>
      facts([
        ['Admin key', `${file} (keep it secret)`],
        ['Name', name],
        ['Old secret', formerUntil === null ? 'opens nothing any more' : `opens until ${formerUntil}`],
      ]),
    )
  })
  return command
}

/** Its place, name and room, is on the disk before there is a secret that could be lost; what comes then takes nothing away. */
async function replaceKeyFile(file: string, rotate: () => Promise<RotatedKey>): Promise<string | null> {
  const beside = besideOf(file)
  writeNewFile(beside, ' '.repeat(128), 0o600)
  const { key, formerUntil } = await rotate().catch((error: unknown) => {
    rmSync(beside, { force: true })
    throw error
  })
  const content = `${key}\n`
  writeFileSync(beside, content, { flag: 'r+', flush: true })
  truncateSync(beside, content.length)
  if (existsSync(file)) giveToOwner(file, beside)
  renameSync(beside, file)
  syncDirectory(dirname(file))
  return formerUntil
}

function revokeCommand(terminal: Terminal): Command {
  const command = new Command('revoke')
    .description('Make an admin key useless; tokens that were made with it stay good')
    .argument('<name>', 'name, as "admin-key list" shows it')
  addOptions(command).action(async (name: string, options: Options) => {
    const { changed, left } = isOffline(options, terminal)
      ? await revokeOffline(name, options, terminal)
      : await revokeOnline(name, adminClient(options, terminal.environment))
    print(terminal, options.json, { name, changed }, () => {
      const done = `Admin key ${name} ${changed ? 'is revoked' : 'was revoked before'}.\n`
      return left > 0
        ? done
        : `${done}There is none left with the role "admin": nobody can administer the service until "chancery admin-key create --offline" makes another.\n`
    })
  })
  return command
}

/** The first key, "default", is in `admin.key`. */
function keyFile(name: string, { dir, out }: Options, terminal: Terminal): string {
  if (out !== undefined) return resolve(out)
  return join(dataDirectory(terminal.environment, dir), `${name === 'default' ? 'admin' : name}.key`)
}

function addOptions(command: Command): Command {
  return addServiceOptions(command).option(
    '--offline',
    'work on the data directory itself; the service must be stopped',
  )
}
