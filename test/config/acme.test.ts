import { expect, test } from 'vitest'
import { buildConfig } from '../../src/config/config.ts'

const build = (acme: object) => buildConfig({ dir: '/srv/ca', file: { acme }, environment: {} }).acme
const identities = (count: number) => Array.from({ length: count }, (_, n) => `ca${n}.example.test`)

test.each([
  [{ profiles: ['none'] }, /acme\.profiles: there is no profile "none"/],
  [{ profiles: ['constructor'] }, /there is no profile "constructor"/],
  [{ profiles: ['spiffe'] }, /certifies neither DNS names nor IP addresses/],
  [{ url: 'https://ca.example.test:70000' }, /acme\.url is no address/],
  [
    { termsOfService: 'terms.html' },
    /acme\.termsOfService must be an address such as "https:.*, and is "terms\.html"/,
  ],
  [
    { website: 'www.example.test' },
    /acme\.website must be an address such as "https:.*, and is "www\.example/,
  ],
  [{ caa: true }, /acme\.caa needs acme\.caaIdentities/],
  [{ challenges: ['dns-persist-01'] }, /dns-persist-01 needs acme\.caaIdentities/],
  [{ challenges: ['dns-persist-01'], caaIdentities: identities(11) }, /acme\.caaIdentities.*10 at most/],
])('%j is refused', (acme, reason) => {
  expect(() => build(acme)).toThrow(expect.objectContaining({ detail: expect.stringMatching(reason) }))
})

test.each([
  { challenges: ['dns-persist-01'], caaIdentities: identities(10) },
  { caa: true, caaIdentities: identities(11) },
])('%j is taken', (acme) => {
  expect(build(acme)).toMatchObject(acme)
})
