import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { block } from '../interop/page.ts'
import { enrolWithCurl, type NEW_KEY, openSslRequest, relyingParty, serialOf } from './enrolment.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { command, missing, run } from './tools.ts'

const PROGRAM = new URL('./go/verify.go', import.meta.url).pathname

// Not demanded in CI: what Debian packages as Go is too old for x509.RevocationListEntry.
const hasGo = spawnSync('go', ['version']).status === 0

describe.skipIf(!hasGo || missing('openssl', 'curl'))("Go's standard library", () => {
  let service: ServiceProcess
  let folder: string
  beforeAll(async () => {
    service = await startService()
    folder = await relyingParty(service)
    await command(folder, `go build -o verify ${PROGRAM}`)
    // The first build on a machine compiles the standard library as well.
  }, 180_000)
  afterAll(() => service?.stop())

  async function verify(name: string) {
    await command(folder, `curl -sSf -o issuing.crl ${service.httpUrl}/crl/intermediate.crl`)
    const line = `./verify -roots root.pem -chain ${name}.pem -crl issuing.crl -host ${name}.example.test`
    return JSON.parse(await command(folder, line))
  }

  test.each(['P-256', 'P-384', 'P-521', 'RSA-2048', 'Ed25519'] as const satisfies (keyof typeof NEW_KEY)[])(
    'verifies a certificate for a %s key, and finds it in the CRL once it is revoked',
    async (key) => {
      const name = key.toLowerCase()
      await openSslRequest(folder, name, `DNS:${name}.example.test`, { key })
      await enrolWithCurl(folder, service, name)
      const serialNumber = await serialOf(folder, `${name}.pem`)
      const before = await verify(name)
      expect(before).toMatchObject({
        serialNumber,
        chainLength: 3,
        ocsp: [`${service.httpUrl}/ocsp`],
        revoked: false,
      })
      const outcome = await service.cli('cert', 'revoke', serialNumber)
      expect(outcome.status, outcome.stderr).toBe(0)
      const after = await verify(name)
      expect(after).toMatchObject({ serialNumber, revoked: true })
      expect(BigInt(after.crlNumber)).toBeGreaterThan(BigInt(before.crlNumber))
    },
  )

  test('finds the revoked by the bundle, as its page has it', async () => {
    for (const name of ['fine', 'gone']) {
      await openSslRequest(folder, name, `DNS:${name}.example.test`)
      await enrolWithCurl(folder, service, name)
    }
    await service.cli('cert', 'revoke', await serialOf(folder, 'gone.pem'))
    const imports = ['crypto/x509', 'encoding/pem', 'errors', 'fmt', 'os', 'time']
    writeFileSync(
      join(folder, 'page.go'),
      `package main\nimport (\n${imports.map((one) => JSON.stringify(one)).join('\n')}\n)\n${block('go', 'revoked')}
func read(file string) []byte {
	bytes, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	return bytes
}

func main() {
	var chain []*x509.Certificate
	for block, rest := pem.Decode(append(read(os.Args[1]), read("root.pem")...)); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			panic(err)
		}
		chain = append(chain, certificate)
	}
	fmt.Println(revoked(chain, read("bundle.pem")))
}
`,
    )
    await command(folder, `curl -sSf -o bundle.pem ${service.httpUrl}/bundles/roots.crl.pem`)
    await command(folder, 'go build -o page page.go')
    expect((await command(folder, './page fine.pem')).trim()).toBe('<nil>')
    expect((await command(folder, './page gone.pem')).trim()).toBe('revoked')
  })

  test('refuses another name and another root', async () => {
    await openSslRequest(folder, 'web', 'DNS:web.example.test')
    await enrolWithCurl(folder, service, 'web')
    const args = ['-chain', 'web.pem', '-crl', 'issuing.crl']
    const wrongName = await run('./verify', ['-roots', 'root.pem', ...args, '-host', 'evil.example.test'], {
      cwd: folder,
    })
    expect(wrongName.stderr).toContain('certificate is valid for web.example.test')
    await command(
      folder,
      'openssl req -x509 -newkey rsa:2048 -nodes -keyout x.key -subj /CN=other -out other.pem',
    )
    const wrongRoot = await run('./verify', ['-roots', 'other.pem', ...args, '-host', 'web.example.test'], {
      cwd: folder,
    })
    expect(wrongRoot.stderr).toContain('unknown authority')
  })
})
