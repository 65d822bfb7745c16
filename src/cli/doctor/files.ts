import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readManifest } from '../../ca/backup/manifest.ts'
import { isPassphraseChanging } from '../../ca/custody/change-passphrase.ts'
import { areKeysMoving } from '../../ca/custody/move-keys.ts'
import { rfc3339 } from '../../clock.ts'
import { dataFiles } from '../../config/data-directory.ts'
import { decryptPkcs8 } from '../../pki/keys/pkcs8.ts'
import { spkiOf } from '../../pki/keys/public-key.ts'
import { type Finding, failed, look, ok, warning } from './finding.ts'
import type { Situation } from './situation.ts'

const MIB = 1024 * 1024
/** Below this the database may be refused its next page. */
const LITTLE = 64 * MIB
const NOT_MUCH = 1024 * MIB
const OLD_BACKUP = 7 * 86_400

/** Who may read what must stay secret, and what should not be on this machine at all. */
export function lookAtPermissions({ directory }: Situation): Finding[] {
  const { passphrase, rootPassphrase, adminKey } = dataFiles(directory)
  const keys = join(directory, 'keys')
  const secret = [passphrase, rootPassphrase, adminKey, ...keyFiles(keys).map((name) => join(keys, name))]
  const open = secret.filter((file) => existsSync(file) && (statSync(file).mode & 0o077) !== 0)
  const findings = open.map((file) =>
    failed(
      'permissions',
      `${file} may be read by others.`,
      `chmod 600 ${file}; whoever could read it may have.`,
    ),
  )
  if (open.length === 0) findings.push(ok('permissions', 'Keys and secrets are for their owner alone.'))
  const root = join(directory, 'root-offline')
  if (existsSync(root)) {
    findings.push(
      warning(
        'permissions',
        `The root’s key is still in ${root}${existsSync(rootPassphrase) ? ', and its passphrase beside it' : ''}.`,
        'Move the folder offline, and the passphrase to a place of its own.',
      ),
    )
  }
  return findings
}

/** Does each key open, and belong to the certificate of its authority? */
export async function lookAtKeys({ directory, passphrase, authorities }: Situation): Promise<Finding[]> {
  const keys = join(directory, 'keys')
  if (areKeysMoving(directory) || isPassphraseChanging(directory)) {
    return [
      failed(
        'keys',
        'A change of passphrase or place was interrupted.',
        'Start the service: that completes it.',
      ),
    ]
  }
  if (passphrase === null) {
    const todo = 'Run the command with the variables that the service has, CHANCERY_PASSPHRASE_FILE for one.'
    return [warning('keys', 'They were not opened: the passphrase is not at hand.', todo)]
  }
  const todo = 'Put the file back from a backup, or the passphrase that it was encrypted with.'
  const findings = keyFiles(keys).map((name) =>
    look('keys', `${join(keys, name)}: ${todo}`, async () => {
      const text = readFileSync(join(keys, name), 'utf8')
      const key = await decryptPkcs8(text.split('-----BEGIN CERTIFICATE')[0]!, passphrase)
      const id = /^(.*)\.key\.pem$/.exec(name)?.[1]
      const certificate = authorities.find((one) => one.id === id)?.certificate
      if (!certificate) return ok('keys', `${name} opens.`)
      return certificate.spki.equals(spkiOf(key))
        ? ok('keys', `${name} opens, and belongs to the certificate of "${id}".`)
        : failed('keys', `${name} does not belong to the certificate of "${id}".`, todo)
    }),
  )
  const lost = authorities
    .filter(
      ({ id, role, answers }) => role === 'issuing' && answers && !existsSync(join(keys, `${id}.key.pem`)),
    )
    .map(({ id }) => failed('keys', `The key of "${id}" is not in ${keys}.`, todo))
  return [...(await Promise.all(findings)).flat(), ...lost]
}

export function lookAtDisk({ directory }: Situation): Finding {
  const { bavail, bsize, files, ffree } = statfsSync(directory)
  const free = bavail * bsize
  const shown = `${Math.floor(free / MIB)} MiB are free where ${directory} is.`
  const todo = 'Make room: the service refuses changes when the disk is full.'
  if (files > 0 && ffree < 100) return failed('disk', `Only ${ffree} inodes are free.`, todo)
  if (free < LITTLE) return failed('disk', shown, todo)
  return free < NOT_MUCH ? warning('disk', shown, todo) : ok('disk', shown)
}

/** The newest backup in a folder, which is one itself or holds them. */
export function lookAtBackups(folder: string | undefined, { now }: Situation): Finding {
  const take = 'Take one: chancery backup --out FOLDER.'
  if (folder === undefined) {
    return warning('backups', 'Nobody said where they are.', 'Name their folder with --backups.')
  }
  const candidates = [folder, ...readdirSync(folder).map((name) => join(folder, name))]
  const taken = candidates
    .filter((one) => existsSync(join(one, 'manifest.json')))
    .map((one) => readManifest(one).takenAt)
  if (taken.length === 0) return failed('backups', `There is none in ${folder}.`, take)
  const newest = Math.max(...taken)
  const what = `The newest is of ${rfc3339(newest)}.`
  return now - newest > OLD_BACKUP ? warning('backups', what, take) : ok('backups', what)
}

function keyFiles(keys: string): string[] {
  return existsSync(keys) ? readdirSync(keys).filter((name) => name.endsWith('.pem')) : []
}
