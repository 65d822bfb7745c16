import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../eventually.ts'
import { toolIsMissing } from '../pki/external-tool.ts'
import { cli, startService } from './harness.ts'
import { workFolder } from './tools.ts'

const path = (name: string) => new URL(`../../deploy/${name}`, import.meta.url).pathname

/** What a unit sets, in its order. */
function settings(name: string): { key: string; value: string }[] {
  return readFileSync(path(name), 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? []
      return key === undefined ? [] : [{ key, value: value! }]
    })
}

const values = (unit: ReturnType<typeof settings>, wanted: string) =>
  unit.filter(({ key }) => key === wanted).map(({ value }) => value)

const analyze = (...args: string[]) =>
  execFileSync('systemd-analyze', [...args, '--no-pager'], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  })

/** The calls in a list such as "@system-service" or "~@privileged @resources". */
function calls(list: string): Set<string> {
  const found = new Set<string>()
  for (const word of list.split(' ')) {
    if (!word.startsWith('@')) found.add(word)
    else {
      for (const line of analyze('syscall-filter', word).split('\n').slice(1)) {
        const inner = line.trim()
        if (inner === '' || inner.startsWith('#')) continue
        for (const call of inner.startsWith('@') ? calls(inner) : [inner]) found.add(call)
      }
    }
  }
  return found
}

/** The calls that a unit lets its processes make: lists add, and those with a tilde take away. */
function allowedCalls(unit: ReturnType<typeof settings>): Set<string> {
  const allowed = new Set<string>()
  for (const list of values(unit, 'SystemCallFilter')) {
    for (const call of calls(list.replace('~', ''))) {
      if (list.startsWith('~')) allowed.delete(call)
      else allowed.add(call)
    }
  }
  return allowed
}

describe.skipIf(toolIsMissing('systemd-analyze'))('systemd', () => {
  test.each([
    ['chancery.service', 2],
    // It works for other users' programs: as root, with the few rights of root that this takes.
    ['chancery-agent.service', 2.5],
  ])('finds %s exposed by less than %d', (unit, most) => {
    const [, level] = /Overall exposure level for \S+: ([\d.]+)/.exec(
      analyze('security', '--offline=true', path(unit)),
    )!
    expect(Number(level)).toBeLessThan(most)
  })

  test.skipIf(toolIsMissing('strace'))(
    'lets the service make every call that it makes from its start to its end',
    async () => {
      const unit = settings('chancery.service')
      const { environment, options } = await installed(unit)
      const counts = join(workFolder(), 'counts')
      const service = await startService({
        directory: environment.CHANCERY_DIR!,
        environment,
        options,
        before: ['strace', '-D', '-f', '-qq', '-c', '-o', counts],
      })
      const rest = service.rest()
      const tokens = await rest.call('POST', '/v1/tokens', { body: { names: ['dns:web.example.test'] } })
      expect(tokens.status).toBe(201)
      await service.stop()
      const made = await eventually(() => {
        const lines = readFileSync(counts, 'utf8').split('\n')
        expect(lines.some((line) => line.trim().endsWith('total'))).toBe(true)
        return lines.flatMap((line) => /^\s*[\d.]+\s.*\s([a-z]\w+)\s*$/.exec(line)?.[1] ?? [])
      })
      expect(made.length).toBeGreaterThan(40)
      const allowed = allowedCalls(unit)
      // SQLite gives its files to the owner of the database, where it runs as root; under the unit it does not.
      if (process.getuid?.() === 0) allowed.add('fchown')
      expect(made.filter((call) => call !== 'total' && !allowed.has(call))).toEqual([])
    },
  )
})

/** What the administrator and the manager do before ExecStart: a data directory, and the passphrase as a credential. */
async function installed(unit: ReturnType<typeof settings>) {
  const folder = workFolder()
  const [stateDirectory] = values(unit, 'StateDirectory')
  const credentials = join(folder, 'credentials')
  const state = join(folder, 'state')
  mkdirSync(join(state, stateDirectory!), { recursive: true, mode: 0o700 })
  mkdirSync(credentials, { mode: 0o700 })
  for (const one of values(unit, 'LoadCredential'))
    writeFileSync(join(credentials, one.split(':')[0]!), 'a passphrase of twenty\n', { mode: 0o440 })
  const environment: Record<string, string> = {
    CREDENTIALS_DIRECTORY: credentials,
    STATE_DIRECTORY: join(state, stateDirectory!),
  }
  for (const one of values(unit, 'Environment')) {
    const [name, value] = one.split('=')
    environment[name!] = value!.replace('%S', state)
  }
  const made = await cli(['init'], environment)
  expect(made.status, made.stderr).toBe(0)
  const [program, command, ...options] = values(unit, 'ExecStart')[0]!.split(' ')
  expect([program, command]).toEqual(['/usr/bin/chancery', 'serve'])
  return { environment, options }
}

test('the service that the unit describes starts with its passphrase from the credential alone', async () => {
  const { environment, options } = await installed(settings('chancery.service'))
  expect(options).toEqual(['--no-init'])
  const without = await cli(['serve', ...options], { ...environment, CREDENTIALS_DIRECTORY: '' })
  expect(without.status).not.toBe(0)
  expect(without.stderr).toMatch(/passphrase/)
  const service = await startService({ directory: environment.CHANCERY_DIR!, environment, options })
  expect((await service.rest().call('GET', '/readyz')).status).toBe(200)
  await service.stop()
})
