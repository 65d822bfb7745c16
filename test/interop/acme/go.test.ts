import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { challengesAreMissing } from './challenges.ts'
import { AcmeSite, expectRenewed } from './site.ts'

const PROGRAM = new URL('./go/main.go', import.meta.url).pathname
/** Debian's golang-golang-x-crypto-dev. Not demanded in CI, as Go is not. */
const LIBRARY = '/usr/share/gocode/src/golang.org/x/crypto'
const goIsMissing = () => spawnSync('go', ['version']).status !== 0 || !existsSync(`${LIBRARY}/acme`)

describe.skipIf(challengesAreMissing() || goIsMissing())('golang.org/x/crypto/acme', () => {
  let site: AcmeSite
  beforeAll(async () => {
    site = await AcmeSite.start()
    site.write(
      'go.mod',
      `module obtain\ngo 1.19\nrequire golang.org/x/crypto v0.0.0\nreplace golang.org/x/crypto => ${LIBRARY}\n`,
    )
    copyFileSync(PROGRAM, site.path('main.go'))
    await site.client('go', ['build', '-mod=mod', '-o', 'obtain', '.'], { GOFLAGS: '', GOPROXY: 'off' })
    // The first build on a machine compiles the standard library as well.
  }, 180_000)
  afterAll(() => site?.stop())

  test('obtains by http-01, renews, revokes, rolls over and gives its account up', async () => {
    const names = ['web.example.test', 'www.example.test']
    const environment = { SSL_CERT_FILE: site.ca.rootFile }
    const printed = await site.client(
      './obtain',
      [site.ca.directory, site.challenges.url, ...names],
      environment,
    )
    const [first, second] = JSON.parse(printed) as [string, string]
    const renewed = await site.verified(second, names)
    expectRenewed(await site.issued(first, names), renewed)
    await site.expectRevoked(renewed)
  })
})
