import { chownSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../config/temporary.ts'
import { chancery } from './console.ts'

const NOBODY = 65_534

/** A directory as `install -d -o chancery` makes it. */
function ofNobody(): string {
  const dir = temporaryDirectory()
  chownSync(dir, NOBODY, NOBODY)
  return dir
}

async function done(...argv: string[]): Promise<void> {
  expect(await chancery(argv)).toMatchObject({ exitCode: 0, stderr: '' })
}

function notOfNobody(dir: string): string[] {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' })
  return ['.', ...names].filter((name) => {
    const { uid, gid } = statSync(join(dir, name))
    return uid !== NOBODY || gid !== NOBODY
  })
}

/** Who could not start the service with files of root's. */
describe.skipIf(process.geteuid?.() !== 0)(
  'what root does in a directory of the service’s user is that user’s',
  () => {
    test('a CA that is made', async () => {
      const dir = ofNobody()
      await done('init', '--dir', dir)
      expect(notOfNobody(dir)).toEqual([])
    })

    test('a backup that is restored', async () => {
      const parent = temporaryDirectory()
      const [made, backup, dir] = [join(parent, 'made'), join(parent, 'backup'), ofNobody()]
      await done('init', '--dir', made)
      await done('backup', '--dir', made, '--out', backup)
      await done('restore', backup, '--dir', dir)
      expect(readdirSync(dir)).toEqual(expect.arrayContaining(['chancery.db', 'chancery.db.lock', 'keys']))
      expect(notOfNobody(dir)).toEqual([])
    })

    test('the lock that root has left in it, too', async () => {
      const dir = ofNobody()
      writeFileSync(join(dir, 'chancery.db.lock'), '', { mode: 0o600 })
      await done('init', '--dir', dir)
      expect(notOfNobody(dir)).toEqual([])
    })

    test('an admin key that is given a new secret', async () => {
      const dir = ofNobody()
      await done('init', '--dir', dir)
      const file = join(dir, 'admin.key')
      chownSync(file, NOBODY, NOBODY)
      await done('admin-key', 'rotate', 'default', '--offline', '--dir', dir)
      expect(statSync(file)).toMatchObject({ uid: NOBODY, gid: NOBODY })
    })

    test('the root of an authority whose certificate is installed', async () => {
      const [dir, elsewhere] = [ofNobody(), temporaryDirectory()]
      const at = (name: string) => join(elsewhere, name)
      writeFileSync(at('passphrase'), 'a passphrase of the root\n', { mode: 0o600 })
      const root = ['--root-folder', at('root'), '--root-passphrase-file', at('passphrase')]
      await done('root', 'create', ...root)
      await done('init', '--external-root', '--dir', dir)
      await done('authority', 'csr', 'intermediate', '--dir', dir, '--out', at('csr'))
      const urls = ['--public-url', 'http://ca.example.test']
      await done('authority', 'sign', at('csr'), ...root, ...urls, '--out', at('chain'))
      await done('authority', 'install', at('chain'), '--offline', '--dir', dir)
      expect(statSync(join(dir, 'root.pem'))).toMatchObject({ uid: NOBODY, gid: NOBODY })
    })
  },
)
