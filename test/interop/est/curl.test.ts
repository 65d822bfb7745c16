import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missing, tool } from '../../scenario/tools.ts'
import { EstInterop } from './enrolling.ts'

const VERSIONS = [
  ['TLS 1.2', '--tlsv1.2 --tls-max 1.2'],
  ['TLS 1.3', '--tlsv1.3'],
] as const

describe.skipIf(missing('openssl', 'curl')).each(VERSIONS)('openssl and curl over %s', (_, version) => {
  let est: EstInterop
  let user: string
  beforeAll(async () => {
    est = await EstInterop.start()
    const { name, password } = await est.user('curl')
    user = `${name}:${password}`
    // Off the command line, where others would see it.
    writeFileSync(join(est.folder, 'user.cfg'), `user = "${user}"\n`, { mode: 0o600 })
    await est.request('web')
    await sh(`openssl base64 -in web.der -out web.b64`)
    await sh(`${enrol('simpleenroll')} -K user.cfg | ${PEM} -out web.pem`)
  })
  afterAll(() => est?.stop())

  const sh = (script: string) => tool(est.folder, 'sh', '-ec', script)
  const curl = () => `curl -sS --fail-with-body --cacert root.pem --noproxy localhost ${version}`
  const PEM = 'openssl base64 -d -A | openssl pkcs7 -inform DER -print_certs'
  const at = (operation: string) => `${est.url}/.well-known/est/${operation}`
  const enrol = (operation: string, request = 'web') =>
    `${curl()} -H 'Content-Type: application/pkcs10' --data-binary @${request}.b64 ${at(operation)}`

  test('cacerts: the chain to the root', async () => {
    await sh(`${curl()} ${at('cacerts')} | ${PEM} -out all.pem`)
    expect(readFileSync(join(est.folder, 'all.pem'), 'utf8').match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
    const between = "awk '/^subject=/ { s = substr($0, 9) } /^issuer=/ { k = substr($0, 8) != s } k'"
    await sh(`${curl()} ${at('cacerts')} | ${PEM} | ${between} > cacerts.pem`)
    expect(readFileSync(join(est.folder, 'cacerts.pem'), 'utf8').match(/BEGIN CERTIFICATE/g)).toHaveLength(1)
    await sh('openssl verify -x509_strict -CAfile root.pem -untrusted cacerts.pem web.pem')
  })

  test('cacerts without a root yet: by its fingerprint', async () => {
    const seen = await sh(`curl -sS -k ${at('cacerts')} | ${PEM} | openssl x509 -noout -fingerprint -sha256`)
    expect(seen).toMatch(/^sha256 Fingerprint=/i)
  })

  test('csrattrs: what openssl can read', async () => {
    const text = await sh(
      `${curl()} ${at('csrattrs')} | openssl base64 -d -A | openssl asn1parse -inform DER`,
    )
    expect(text).toContain('Extension Request')
    const bound = await sh(
      `${curl()} ${at('bound/csrattrs')} | openssl base64 -d -A | openssl asn1parse -inform DER`,
    )
    expect(bound).toContain('challengePassword')
  })

  test('simpleenroll by password', async () => {
    await est.expectIssued('web.pem', 'web')
  })

  test('simpleenroll by token, and by the certificate of this CA', async () => {
    writeFileSync(join(est.folder, 'token.cfg'), `user = "x:${await est.token('peer')}"\n`, { mode: 0o600 })
    await sh(`${enrol('simpleenroll')} -K token.cfg | ${PEM} -out token.pem`)
    await est.expectIssued('token.pem', 'web')
    await sh(`${enrol('simpleenroll')} --cert web.pem --key web.key | ${PEM} -out other.pem`)
    await est.expectIssued('other.pem', 'web')
  })

  test('simpleenroll by the certificate that the manufacturer gave the device', async () => {
    await sh(
      `${enrol('devices/simpleenroll')} --cert device.pem --key device.key | ${PEM} -out device-web.pem`,
    )
    await est.expectIssued('device-web.pem', 'web')
  })

  test('simplereenroll by the certificate, for a new key', async () => {
    await est.request('next')
    await sh('openssl base64 -in next.der -out next.b64')
    await sh(`${enrol('simplereenroll', 'next')} --cert web.pem --key web.key | ${PEM} -out next.pem`)
    await est.expectIssued('next.pem', 'next')
  })

  test('serverkeygen: key and certificate belong together', async () => {
    const part = (type: string) =>
      `sed -n '/application.${type}/,/^--/{/^[A-Za-z0-9+\\/=]*.$/p}' | tr -d '\\r\\n' | openssl base64 -d -A`
    await sh(`${enrol('serverkeygen')} -K user.cfg -o parts.txt`)
    await sh(`cat parts.txt | ${part('pkcs8')} | openssl pkey -inform DER -out made.key`)
    await sh(`cat parts.txt | ${part('pkcs7-mime')} | openssl pkcs7 -inform DER -print_certs -out made.pem`)
    await est.expectIssued('made.pem', 'made')
  })

  test('a wrong password is refused, and so is no credential', async () => {
    const refused = async (more: string) =>
      sh(`${enrol('simpleenroll').replace('--fail-with-body', '')} ${more} -o /dev/null -w '%{http_code}'`)
    expect(await refused('-u curl:wrong')).toBe('401')
    expect(await refused('')).toBe('401')
    expect(await refused('--anyauth -K user.cfg')).toBe('200')
  })
})

describe.skipIf(missing('openssl'))('the handshake', () => {
  test('names our CAs and the trust anchors of the labels, so that clients know which certificate to send', async () => {
    const est = await EstInterop.start()
    try {
      const { host } = new URL(est.url)
      const text = await tool(
        est.folder,
        ...(['sh', '-c', `openssl s_client -connect ${host} -CAfile root.pem </dev/null`] as const),
      )
      const [, names] = /Acceptable client certificate CA names\n([\s\S]*?)\nRequested/.exec(text)!
      expect(names).toContain('CN = Manufacturer')
      expect(names).toMatch(/Chancery Issuing CA/)
    } finally {
      await est.stop()
    }
  })
})
