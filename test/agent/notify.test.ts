import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runCommand } from '../../src/agent/notify/command.ts'
import { temporaryDirectory } from '../config/temporary.ts'
import { unknowingHaproxy } from '../haproxy/unknowing.ts'
import { AgentPlace } from './agent-fixture.ts'

async function newPlace(): Promise<AgentPlace> {
  const place = await AgentPlace.make(temporaryDirectory())
  onTestFinished(() => place.ca.close())
  return place
}

const STAPLED = { files: { key: 'key.pem', fullchain: 'cert.pem', staple: 'cert.ocsp' } }

test('a command is told what changed, once for each change, and never of the token', async () => {
  const place = await newPlace()
  const told = place.file('told')
  place.environment = { PATH: process.env.PATH, TOKEN_OF_WEB: await place.giveToken() }
  const script = `echo "$CHANCERY_CERTIFICATE: $CHANCERY_CHANGED; token $TOKEN_OF_WEB" >> ${told}`
  const certificate = {
    ...STAPLED,
    token: { environment: 'TOKEN_OF_WEB' },
    notify: [{ command: ['sh', '-c', script] }],
  }
  expect(await place.once(certificate)).toEqual([])
  await place.once(certificate)
  expect(readFileSync(told, 'utf8')).toBe('web: certificate staple; token \n')
})

test('what failed is told again, and shows until then', async () => {
  const place = await newPlace()
  const mark = place.file('may')
  await place.giveToken()
  place.environment = { PATH: process.env.PATH }
  const certificate = { notify: [{ command: ['sh', '-c', `echo not yet; test -e ${mark}`] }] }
  expect(await place.once(certificate)).toEqual([
    expect.stringMatching(/was not told: sh ended with 1: not yet/),
  ])
  writeFileSync(mark, '')
  expect(await place.once(certificate)).toEqual([])
})

test('who is told of staples alone hears nothing of certificates', async () => {
  const place = await newPlace()
  const told = place.file('told')
  await place.giveToken()
  place.environment = { PATH: process.env.PATH }
  const command = ['sh', '-c', `echo "$CHANCERY_CHANGED" >> ${told}`]
  await place.once({ notify: [{ command, on: ['staple'] }] })
  expect(existsSync(told)).toBe(false)
  await place.once({ ...STAPLED, notify: [{ command, on: ['staple'] }] })
  expect(readFileSync(told, 'utf8')).toBe('staple\n')
})

test.each([
  ['alone', ''],
  ['before other lines, as PostgreSQL has it', '/var/lib/postgresql/15/main\n1795881600\n5432\n'],
])('a signal goes to the process in the file, %s', async (_where, more) => {
  const place = await newPlace()
  await place.giveToken()
  const child = spawn('sh', ['-c', 'trap "echo hup; exit 0" HUP; echo ready; while :; do sleep 0.05; done'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const pidFile = place.file('pid')
  writeFileSync(pidFile, `${child.pid}\n${more}`)
  const ended = once(child, 'exit')
  expect(await place.once({ notify: [{ signal: 'HUP', pidFile }] })).toEqual([])
  expect((await ended)[0]).toBe(0)
  writeFileSync(pidFile, '-1')
  const [problem] = await place.once({ notify: [{ signal: 'USR1', pidFile }] })
  expect(problem).toContain('holds no process id')
})

test('what a command leaves running does not keep the agent from ending', async () => {
  const pidFile = join(temporaryDirectory(), 'pid')
  const command = ['sh', '-c', `sleep 600 & echo $! > ${pidFile}`]
  const script = `import { runCommand } from ${JSON.stringify(new URL('../../src/agent/notify/command.ts', import.meta.url).href)}
    await runCommand(${JSON.stringify(command)}, { timeout: 600, environment: process.env })`
  const agent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
  onTestFinished(() => void process.kill(Number(readFileSync(pidFile, 'utf8'))))
  expect(await once(agent, 'exit')).toEqual([0, null])
})

test('a command that hangs is killed, and one that is not there is named', async () => {
  const environment = { PATH: process.env.PATH }
  await expect(runCommand(['sleep', '600'], { timeout: 1, environment })).rejects.toThrow(
    /sleep was ended by SIGKILL, perhaps after 1 seconds/,
  )
  await expect(runCommand(['/nowhere/at-all'], { timeout: 1, environment })).rejects.toThrow(
    /\/nowhere\/at-all cannot be run/,
  )
})

test('a HAProxy that is reloaded and names no such file was not told, and is not reloaded again for it', async () => {
  const place = await newPlace()
  await place.giveToken()
  place.environment = { PATH: process.env.PATH }
  const reloads = place.file('reloads')
  const reload = ['sh', '-c', `echo reloaded >> ${reloads}`]
  const certificate = {
    files: { combined: 'web.pem' },
    notify: [{ haproxy: await unknowingHaproxy(), reload }],
  }
  const unnamed = [expect.stringMatching(/was reloaded, and its configuration names no .*web\.pem/)]
  expect(await place.once(certificate)).toEqual(unnamed)
  expect(await place.once(certificate)).toEqual(unnamed)
  expect(readFileSync(reloads, 'utf8')).toBe('reloaded\n')
})
