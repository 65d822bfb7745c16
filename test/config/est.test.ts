import { expect, test } from 'vitest'
import { buildConfig } from '../../src/config/config.ts'
import { estLabel } from '../../src/config/est-rules.ts'

const build = (est: object) => buildConfig({ dir: '/srv/ca', file: { est }, environment: {} }).est

test('a label has what is common, and its own before that', () => {
  const est = build({
    names: ['example.test'],
    lineLength: 64,
    labels: { devices: { profile: 'client', lineLength: 0 } },
  })
  expect(estLabel(est, 'devices')).toMatchObject({
    profile: 'client',
    lineLength: 0,
    names: ['example.test'],
  })
  expect(estLabel(est, null)).toMatchObject({ lineLength: 64 })
  expect(estLabel(est, null)?.profile).toBeUndefined()
  expect(estLabel(est, 'constructor')).toBeUndefined()
})

test.each([
  [{ profile: 'none' }, /est\.profile: there is no profile "none"/],
  [{ labels: { a: { profile: 'none' } } }, /est\.labels\.a\.profile/],
  [{ trustAnchors: ['maker.pem'] }, /est\.trustAnchors needs est\.names/],
  [{ labels: { A: {} } }, /labels/],
  [{ labels: { pumps: {}, cacerts: {} } }, /est\.labels\.cacerts: an operation of EST has that name/],
  [{ labels: { fullcmc: {} } }, /est\.labels\.fullcmc/],
  [{ auth: [] }, /auth/],
])('%o is refused', (est, reason) => {
  expect(() => build(est)).toThrow(reason)
})
