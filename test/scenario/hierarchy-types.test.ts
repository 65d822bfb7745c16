import { expect, test } from 'vitest'
import {
  enrolWithCurl,
  fetchCrls,
  openSslRequest,
  relyingParty,
  STRICT_VERIFY,
  serialOf,
} from './enrolment.ts'
import { cli, startService } from './harness.ts'
import { command, missing, workFolder } from './tools.ts'

test.skipIf(missing('openssl', 'curl')).each([
  ['P-384 with SHA-512', ['--key-type', 'P-384', '--hash', 'sha512'], 'ecdsa-with-SHA512'],
  ['P-384', ['--key-type', 'P-384'], 'ecdsa-with-SHA384'],
  ['P-521', ['--key-type', 'P-521'], 'ecdsa-with-SHA512'],
  ['RSA-3072', ['--key-type', 'RSA-3072'], 'sha256WithRSAEncryption'],
  ['Ed25519', ['--key-type', 'Ed25519'], 'ED25519'],
])('a hierarchy of %s: certificates, OCSP and CRLs verify', async (_what, options, algorithm) => {
  const directory = workFolder()
  const subject = ['--subject', 'CN=Example Issuing,O=Example', '--root-subject', 'CN=Example Root,O=Example']
  const made = await cli(['init', ...options, ...subject], { CHANCERY_DIR: directory })
  expect(made.status, made.stderr).toBe(0)
  const service = await startService({ directory })
  const folder = await relyingParty(service)
  await openSslRequest(folder, 'web', 'DNS:web.example.test')
  await enrolWithCurl(folder, service, 'web')
  expect(await command(folder, `${STRICT_VERIFY} web.pem`)).toBe('web.pem: OK\n')
  for (const file of ['web', 'chain', 'root']) {
    const text = await command(folder, `openssl x509 -in ${file}.pem -noout -text`)
    expect(text.match(/Signature Algorithm: (\S+)/)?.[1]).toBe(algorithm)
  }
  const chain = await command(
    folder,
    'openssl x509 -in chain.pem -noout -subject -issuer -ext basicConstraints,keyUsage',
  )
  expect(chain).toContain('subject=O = Example, CN = Example Issuing')
  expect(chain).toContain('issuer=O = Example, CN = Example Root')
  expect(chain).toMatch(/Basic Constraints: critical\n\s+CA:TRUE, pathlen:0/)
  expect(chain).toMatch(/Key Usage: critical\n\s+(Digital Signature, )?Certificate Sign, CRL Sign/)

  const revoke = await service.cli('cert', 'revoke', await serialOf(folder, 'web.pem'))
  expect(revoke.status, revoke.stderr).toBe(0)
  const ocsp = await command(
    folder,
    `openssl ocsp -issuer chain.pem -cert web.pem -CAfile root.pem -verify_other chain.pem -url ${service.httpUrl}/ocsp`,
  )
  expect(ocsp).toContain('Response verify OK')
  expect(ocsp).toContain('web.pem: revoked')
  await fetchCrls(folder, service)
  await command(folder, `curl -sSf -o issuing.pem ${service.httpUrl}/crl/intermediate.pem`)
  const crl = await command(folder, 'openssl crl -in issuing.pem -CAfile chain.pem -noout -text')
  expect(crl).toContain('verify OK')
  expect(crl.match(/Signature Algorithm: (\S+)/)?.[1]).toBe(algorithm)
  await service.stop()
})

test.each([
  [['--key-type', 'RSA-2048'], 2, /RSA-2048/],
  [['--key-type', 'Ed25519', '--hash', 'sha512'], 2, /Ed25519/],
  [['--subject', 'no name'], 2, /subject/],
])('init %j is refused, and leaves nothing behind', async (options, code, reason) => {
  const directory = workFolder()
  const { status, stderr } = await cli(['init', ...options], { CHANCERY_DIR: directory })
  expect(status, stderr).toBe(code)
  expect(stderr).toMatch(reason)
  // The same folder still takes a right one.
  const again = await cli(['init'], { CHANCERY_DIR: directory })
  expect(again.status, again.stderr).toBe(0)
})
