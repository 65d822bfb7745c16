import { expect, test } from 'vitest'
import { buildConfig } from '../../src/config/config.ts'
import { webhookName } from '../../src/config/webhook-rules.ts'

const build = (...webhooks: object[]) =>
  buildConfig({ dir: '/srv/ca', file: { webhooks }, environment: {} }).webhooks
const SECRET = { secretFile: 'webhook-secret' }

test.each([
  [{ url: 'https://hooks.example.test/a' }, /webhooks\[0\]\.secretFile is missing/],
  [SECRET, /webhooks\[0\]\.url is missing/],
  [{ ...SECRET, url: 'ftp://hooks.example.test' }, /webhooks\[0\]\.url must be an https:\/\/ address/],
  [{ ...SECRET, url: 'http://hooks.example.test' }, /webhooks\[0\]\.url must be https:\/\//],
  [{ ...SECRET, url: 'https://u:p@hooks.example.test' }, /neither a user name nor a password/],
  [
    { ...SECRET, url: 'https://hooks.example.test', events: ['certificate.isued'] },
    /must be one of certificate\.issued/,
  ],
  [{ ...SECRET, url: 'https://hooks.example.test', events: [] }, /webhooks\[0\]\.events must not be empty/],
  [
    { ...SECRET, url: 'https://hooks.example.test', retry: 1 },
    /"webhooks\[0\]\.retry" is not a known option/,
  ],
])('%j is refused', (webhook, reason) => {
  expect(() => build(webhook)).toThrow(expect.objectContaining({ detail: expect.stringMatching(reason) }))
})

test('two of one host need names', () => {
  const one = { ...SECRET, url: 'https://hooks.example.test/a' }
  expect(() => build(one, { ...one, url: 'https://hooks.example.test/b' })).toThrow(/two are called/)
  expect(build(one, { ...one, name: 'second' }).map(webhookName)).toEqual(['hooks.example.test', 'second'])
})

test('a refusal does not repeat what may be a secret in the address', () => {
  const url = 'http://hooks.example.test/T000/B000/XXXX'
  expect(() => build({ ...SECRET, url })).toThrow(
    expect.objectContaining({ detail: expect.not.stringContaining('XXXX') }),
  )
})

test('plain HTTP is for this machine itself', () => {
  for (const host of ['127.0.0.1:9000', '[::1]:9000', 'localhost'])
    expect(build({ ...SECRET, url: `http://${host}/` })).toMatchObject([{ url: `http://${host}/` }])
})
