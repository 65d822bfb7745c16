import { afterAll, beforeAll, describe, test } from 'vitest'
import { challengesAreMissing } from './challenges.ts'
import { AcmeSite, expectRenewed } from './site.ts'

const PROGRAM = new URL('./npm-acme-client.ts', import.meta.url).pathname

describe.skipIf(challengesAreMissing())('acme-client of npm', () => {
  let site: AcmeSite
  beforeAll(async () => {
    site = await AcmeSite.start()
  })
  afterAll(() => site?.stop())

  test.each([
    ['http-01', ['web.example.test', 'www.example.test']],
    ['dns-01', ['wild.example.test', '*.wild.example.test']],
    ['tls-alpn-01', ['alpn.example.test']],
  ])('obtains by %s, renews, revokes, rolls over and gives its account up', async (type, names) => {
    const printed = await site.client(
      process.execPath,
      [PROGRAM, site.ca.directory, site.challenges.url, type, ...names],
      { NODE_EXTRA_CA_CERTS: site.ca.rootFile },
    )
    const [first, second] = JSON.parse(printed) as [string, string]
    const renewed = await site.verified(second, names)
    expectRenewed(await site.issued(first, names), renewed)
    await site.expectRevoked(renewed)
  })
})
