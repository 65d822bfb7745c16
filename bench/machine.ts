import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { arch, availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { median } from './rounds.ts'
import { CACHE, NotInstalled, tool } from './tools.ts'

const loadBefore = loadavg()[0]!

/** What the figures depend on, as rows of the report: the machine, and the version of everything that was asked. */
export function describeMachine(): [string, string][] {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return [
    ['date', new Date().toISOString().slice(0, 10)],
    ['processor', `${cpus()[0]!.model.trim()}, ${availableParallelism()} cores, shared by server and client`],
    ['load before the run', `${loadBefore.toFixed(1)}; above 0.2 others used the machine as well`],
    ['memory', `${(totalmem() / 2 ** 30).toFixed(0)} GiB`],
    ['disk', `a synced write of 4 KiB takes ${syncMilliseconds().toFixed(2)} ms`],
    ['system', `Linux ${release()}, ${arch()}`],
    ['Node.js', process.version],
    ['Chancery', `${version}, ${printed('git', 'describe', '--always', '--dirty')}`],
    ...['step-ca', 'cfssl'].map((name): [string, string] => [name, installedVersion(name)]),
    ['pebble', debianVersion('pebble')],
    ['nginx', debianVersion('nginx')],
    ['openssl', debianVersion('openssl')],
    ['wrk', debianVersion('wrk')],
  ]
}

/** As bench/peers/install.sh noted it: what is built by `go install` does not know its own. */
function installedVersion(name: string): string {
  try {
    tool(name)
    return readFileSync(join(CACHE, '..', `${name}.version`), 'utf8').trim()
  } catch (error) {
    return error instanceof NotInstalled ? error.message : 'of unknown version'
  }
}

function debianVersion(name: string): string {
  const [, version = ''] = printed('dpkg-query', '--show', name).split('\t')
  return version === '' ? new NotInstalled(name).message : version
}

/** What a command prints; empty if it fails. */
function printed(command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return ''
  }
}

/** The median: a certificate cannot be answered sooner than its row is on the disk. */
function syncMilliseconds(): number {
  const file = join(tmpdir(), `chancery-bench-sync-${process.pid}`)
  const descriptor = openSync(file, 'w')
  try {
    return median(
      Array.from({ length: 200 }, () => {
        const start = performance.now()
        writeSync(descriptor, Buffer.alloc(4096))
        fdatasyncSync(descriptor)
        return performance.now() - start
      }),
    )
  } finally {
    closeSync(descriptor)
    rmSync(file)
  }
}
