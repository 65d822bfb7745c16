import { expect, test } from 'vitest'
import { buildAgentConfig } from '../../src/agent/config.ts'
import { refusal } from '../config/temporary.ts'

const WEB = { names: ['web.example.test'], directory: '/etc/nginx/tls' }
const GOOD = {
  services: ['https://ca.example.test:8443'],
  trust: { file: '/etc/chancery/root.pem' },
  certificates: { web: WEB },
}
const faultOf = (options: unknown) => refusal(() => buildAgentConfig(options)).detail
const faultOfWeb = (more: object) => faultOf({ ...GOOD, certificates: { web: { ...WEB, ...more } } })

test('little is needed, and the rest has defaults', () => {
  const config = buildAgentConfig(GOOD)
  expect(config).toMatchObject({ state: '/var/lib/chancery-agent', refresh: 3600 })
  expect(config.certificates).toEqual([
    expect.objectContaining({
      id: 'web',
      names: [{ type: 'dns', value: 'web.example.test' }],
      keyType: 'P-256',
      reuseKey: false,
      files: { key: 'key.pem', fullchain: 'cert.pem', roots: 'root.pem' },
      mode: 0o600,
      notify: [],
    }),
  ])
})

test('a group may read the key where one is named', () => {
  const { certificates } = buildAgentConfig({ ...GOOD, certificates: { web: { ...WEB, group: '33' } } })
  expect(certificates[0]!.mode).toBe(0o640)
})

test('everything that is missing is named at once', () => {
  expect(faultOf({})).toMatch(/services is missing.*trust is missing.*certificates is missing/)
  expect(faultOf({ ...GOOD, certificates: { web: {} } })).toBe(
    'certificates.web.names is missing. certificates.web.directory is missing.',
  )
})

test.each([
  [{ ...GOOD, sevices: [] }, /"sevices" is not a known option; did you mean "services"\?/],
  [{ ...GOOD, services: ['http://ca.example.test'] }, /services\[0\] must be an address such as "https:/],
  [{ ...GOOD, trust: { file: '/a', fingerprint: 'ab'.repeat(32) } }, /not both/],
  [{ ...GOOD, trust: { fingerprint: 'abc' } }, /trust\.fingerprint must be a SHA-256/],
  [{ ...GOOD, certificates: { web: WEB, api: WEB } }, /api\.directory is that of "web" too/],
  [{ ...GOOD, certificates: { Web: WEB } }, /"certificates\.Web": a name must have lower-case/],
])('%j is refused', (options, words) => {
  expect(faultOf(options)).toMatch(words)
})

test.each([
  [{ files: { key: '../key.pem' } }, /files\.key must be the name of a file in `directory`/],
  [{ files: { key: 'a.pem', fullchain: 'a.pem' } }, /files has "a\.pem" twice/],
  [{ files: { envoyCertificate: 'server.json' } }, /needs files\.key/],
  [{ keyType: 'secp256k1' }, /keyType must be one of P-256.*Ed25519/],
  [{ files: {} }, /files must name at least one file/],
  [{ mode: '0644' }, /mode must be an octal mode in quotes that gives others nothing/],
  [{ mode: 640 }, /mode must be an octal mode in quotes/],
  [{ commonName: 'other.example.test' }, /commonName must be one of the names/],
  [{ token: { file: '/a', environment: 'B' } }, /token: give file, environment or credential, only one/],
  [{ names: ['*.*.example.test'] }, /web\.names: /],
  [{ directory: 'tls' }, /directory must be an absolute path/],
  [{ notify: [{}] }, /notify\[0\] must have one of command, signal and haproxy/],
  [{ notify: [{ command: 'systemctl reload nginx' }] }, /notify\[0\]\.command must be a list/],
  [{ notify: [{ signal: 'HUP' }] }, /must say with pidFile or unit/],
  [{ notify: [{ signal: 'KILL', unit: 'a' }] }, /signal must be one of HUP/],
  [{ notify: [{ haproxy: 'admin' }] }, /"admin" is no run-time socket/],
  [{ notify: [{ haproxy: '/run/a.sock' }], files: { key: 'a' } }, /has nothing to bring to HAProxy/],
])('a certificate with %j is refused', (more, words) => {
  expect(faultOfWeb(more)).toMatch(words)
})
