import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { CaError } from '../errors.ts'

/** Numbers of the owner and the group of files; null: they stay the agent's. */
export interface Ownership {
  readonly uid: number | null
  readonly gid: number | null
}

/** By name or number. Throws `CaError` "badConfiguration" for one that this machine does not know. */
export function ownershipOf({
  owner,
  group,
}: {
  readonly owner?: string | undefined
  readonly group?: string | undefined
}): Ownership {
  return { uid: idOf('passwd', 'owner', owner), gid: idOf('group', 'group', group) }
}

function idOf(database: 'passwd' | 'group', what: string, name: string | undefined): number | null {
  if (name === undefined) return null
  if (/^\d{1,10}$/.test(name)) return Number(name)
  const id = idIn(readFileSync(`/etc/${database}`, 'utf8'), name) ?? idIn(asked(database, name), name)
  if (id === null)
    throw new CaError(
      'badConfiguration',
      `This machine knows no ${what} "${name}": make it, or correct the name.`,
    )
  return id
}

function idIn(lines: string, name: string): number | null {
  const line = lines.split('\n').find((one) => one.startsWith(`${name}:`))
  return line === undefined ? null : Number(line.split(':')[2])
}

/** Accounts that are in no file: LDAP, systemd. */
function asked(database: string, name: string): string {
  const { stdout } = spawnSync('getent', [database, name], { encoding: 'utf8', timeout: 10_000 })
  return stdout ?? ''
}
