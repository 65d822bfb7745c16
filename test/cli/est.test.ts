import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningService, runService } from './running-service.ts'

let service: RunningService
beforeAll(async () => {
  service = await runService()
})
afterAll(() => service.close())

test('an EST user is made, listed and revoked, and its password is shown once', async () => {
  const created = await service.json<Record<string, unknown>>(
    ...['est', 'user', 'create', 'routers', '--allow', 'Example.test', '10.0.0.0/8', '--ttl', '90d'],
  )
  expect(created).toMatchObject({
    name: 'routers',
    label: null,
    names: ['example.test', '10.0.0.0/8'],
    password: expect.stringMatching(/^chancery_est_[A-Za-z0-9_-]{43}$/),
  })
  const listed = await service.command('est', 'user', 'list')
  expect(listed.stdout).toContain('routers')
  expect(listed.stdout).not.toContain(created.password)
  expect((await service.command('est', 'user', 'create', 'routers')).exitCode).not.toBe(0)
  expect((await service.command('est', 'user', 'revoke', 'routers')).stdout).toContain('is revoked')
  expect((await service.command('est', 'user', 'revoke', 'routers')).stdout).toContain('was revoked before')
  const { users } = await service.json<{ users: object[] }>('est', 'user', 'list')
  expect(users).toMatchObject([{ name: 'routers', state: 'revoked' }])
})

test.each([
  [['est', 'user', 'create', 'a:b']],
  [['est', 'user', 'create', 'a', '--label', 'none']],
  [['est', 'user', 'create', 'a', '--allow', 'not a name']],
])('%o is refused', async (words) => {
  expect((await service.command(...words)).exitCode).not.toBe(0)
})
