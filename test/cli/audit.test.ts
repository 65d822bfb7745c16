import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { temporaryDirectory } from '../config/temporary.ts'
import { eventually } from '../eventually.ts'
import { chancery } from './console.ts'
import { type RunningService, runService } from './running-service.ts'

let service: RunningService
beforeAll(async () => {
  service = await runService()
  for (const name of ['a.test', 'b.test']) await service.command('token', 'create', '--dns', name)
})
afterAll(() => service.close())

test('the audit log of a running service is listed, exported and verified', async () => {
  const { entries } = await service.json<{ entries: { action: string }[] }>(
    ...['audit', 'list', '--action', 'token.create'],
  )
  expect(entries).toHaveLength(2)
  expect((await service.command('audit', 'list', '--limit', '1')).stdout).toMatch(/^TIME +ACTOR +ACTION/)
  const live = await service.json<{ ok: boolean; newest: number }>('audit', 'verify')
  expect(live).toMatchObject({ ok: true, faults: [] })

  const file = join(service.work, 'audit.jsonl')
  expect((await service.command('audit', 'export', '--out', file)).exitCode).toBe(0)
  const text = readFileSync(file, 'utf8')
  expect((await service.command('audit', 'export')).stdout).toBe(text)
  expect((await service.command('audit', 'export', '--offline')).stdout).toBe(text)
  expect(await service.command('audit', 'export', '--out', file)).toMatchObject({ exitCode: 1 })
  const behind = await service.command('audit', 'export', '--after', '2')
  expect(behind.stdout.split('\n')).toHaveLength(text.split('\n').length - 2)
  const beyond = join(service.work, 'beyond.jsonl')
  expect(await service.command('audit', 'export', '--after', '999', '--out', beyond)).toMatchObject({
    exitCode: 4,
  })
  expect(existsSync(beyond)).toBe(false)
  const whole = await service.command('audit', 'verify', '--file', file)
  expect(whole).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/Faults +0\n$/) })
  expect((await service.command('audit', 'verify', '--heads', file)).exitCode).toBe(0)

  const forged = join(service.work, 'forged.jsonl')
  writeFileSync(forged, text.replace('"token.create"', '"token.revoke"'))
  const found = await service.command('audit', 'verify', '--file', forged)
  expect(found).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/Row \d+ was altered/) })
  for (const argv of [
    ['--file', join(service.work, 'none.jsonl')],
    ['--root', join(service.work, 'none.pem')],
    ['--dir', service.work],
  ])
    expect(await service.command('audit', 'verify', ...argv)).toMatchObject({ exitCode: 2 })
})

/** Where `answer` is what the service says. */
async function another(answer: (response: ServerResponse) => void): Promise<string> {
  const own = join(temporaryDirectory(), 'own')
  expect((await service.command('cert', 'request', '--name', 'localhost', '--out', own)).exitCode).toBe(0)
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(join(own, name)))
  const server = createServer({ key: key!, cert: cert! }, (_request, response) => answer(response))
  onTestFinished(() => void server.close())
  await once(server.listen(0, 'localhost'), 'listening')
  return `https://localhost:${(server.address() as AddressInfo).port}`
}

test('an export has its name once it is whole, and --json says which', async () => {
  const begun = Promise.withResolvers<ServerResponse>()
  const url = await another((response) => response.write('{"type":"start"}\n', () => begun.resolve(response)))
  const folder = temporaryDirectory()
  const out = join(folder, 'audit.jsonl')
  const exporting = service.command('audit', 'export', '--out', out, '--url', url, '--json')
  const response = await begun.promise
  await eventually(() => expect(readdirSync(folder)).toHaveLength(1))
  expect(existsSync(out)).toBe(false)
  response.end('{"type":"end"}\n')
  const { exitCode, stdout } = await exporting
  expect({ exitCode, document: JSON.parse(stdout) }).toEqual({ exitCode: 0, document: { file: out } })
  expect(readdirSync(folder)).toEqual(['audit.jsonl'])
  expect(readFileSync(out, 'utf8')).toBe('{"type":"start"}\n{"type":"end"}\n')
})

test('an export that breaks off leaves no file', async () => {
  const url = await another((response) => response.write('{"type":"start"}\n', () => response.destroy()))
  const out = join(service.work, 'broken.jsonl')
  const broken = await service.command('audit', 'export', '--out', out, '--url', url)
  expect(broken).toMatchObject({ exitCode: 3, stdout: '' })
  expect(existsSync(out)).toBe(false)
})

test('what callers put into it does not steer the terminal of those who list it', async () => {
  expect((await service.command('est', 'user', 'revoke', '\u001b[2Jgone')).exitCode).not.toBe(0)
  const { stdout } = await service.command('audit', 'list', '--action', 'request.refuse')
  expect(stdout).toContain('\\u{1b}[2Jgone')
  expect(stdout).not.toContain('\u001b')
})

test('what callers put into it breaks neither the lines of an export nor its characters', async () => {
  // U+2028 ends a line for some, and characters of four octets lie across the pieces in which an answer comes.
  for (const name of ['\u2028', '\r\n', '\u0085'])
    expect((await service.command('est', 'user', 'revoke', name)).exitCode).not.toBe(0)
  await Promise.all(
    Array.from({ length: 60 }, () => service.command('est', 'user', 'revoke', '😀'.repeat(40))),
  )
  const file = join(service.work, 'strange.jsonl')
  expect((await service.command('audit', 'export', '--out', file)).exitCode).toBe(0)
  expect((await service.command('audit', 'export')).stdout === readFileSync(file, 'utf8')).toBe(true)
  expect(readFileSync(file, 'utf8')).toContain('\u2028')
  for (const which of ['--file', '--heads'])
    expect(await service.command('audit', 'verify', which, file)).toMatchObject({ exitCode: 0 })
})

test('a stopped database that was written to is found out, and so is its backup; an untouched one is not', async () => {
  const dir = join(temporaryDirectory(), 'data')
  const out = (name: string) => join(temporaryDirectory(), name)
  await chancery(['init', '--dir', dir])
  await chancery(['admin-key', 'create', 'ops', '--role', 'auditor', '--offline', '--dir', dir])
  const verify = (one: string) => chancery(['audit', 'verify', '--dir', one])
  expect(await verify(dir)).toMatchObject({ exitCode: 0 })
  const backup = out('backup')
  expect((await chancery(['backup', '--dir', dir, '--out', backup])).exitCode).toBe(0)
  const restored = out('restored')
  const back = await chancery(['restore', backup, '--dir', restored])
  expect(back.exitCode, back.stderr).toBe(0)
  // The restoration is a row behind the others.
  expect(await verify(restored)).toMatchObject({ exitCode: 0 })

  const db = new Database(join(dir, 'chancery.db'))
  db.exec("DROP TRIGGER audit_keep_facts; UPDATE audit SET result = 'failed' WHERE id = 2")
  db.close()
  const found = await verify(dir)
  expect(found).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Row 2 was altered') })
})
