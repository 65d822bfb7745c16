import { describe, expect, test } from 'vitest'
import { optionsOf } from '../../src/config/authority-options.ts'
import { buildConfig, type ConfigSources } from '../../src/config/config.ts'
import { parseOptions } from '../../src/config/load.ts'
import { refusal } from './temporary.ts'

function build(yaml = '', sources: Partial<ConfigSources> = {}) {
  return buildConfig({ dir: '/srv/ca', file: parseOptions(yaml), environment: {}, ...sources })
}

function fault(yaml: string, sources: Partial<ConfigSources> = {}): string {
  const { code, detail } = refusal(() => build(yaml, sources))
  expect(code).toBe('badConfiguration')
  return detail
}

const OCSP = {
  validity: 43_200,
  signer: 'authority',
  responderValidity: 604_800,
  responderKeyType: 'P-256',
  responderId: 'key',
  neverIssued: 'unauthorized',
  expired: 'answer',
  cacheEntries: 100_000,
  uncachedRate: 500,
}
const CRL = {
  validity: 604_800,
  refresh: 86_400,
  delta: false,
  deltaValidity: 3600,
  deltaRefresh: 1200,
  onRevocation: 'full',
  partitions: 1,
  warnOver: 1_048_576,
}

describe('defaults', () => {
  test('stand where nothing is given', () => {
    const { profiles, ...config } = build()
    expect(config).toEqual({
      dir: '/srv/ca',
      admins: [],
      audit: { headInterval: 3600 },
      console: { session: 1800 },
      acme: {
        authorizationValidity: 2_592_000,
        caa: false,
        caaIdentities: [],
        challenges: ['http-01', 'dns-01', 'tls-alpn-01', 'dns-account-01'],
        enabled: true,
        externalAccountRequired: false,
        limits: { accountsPerAddress: 0, failuresPerName: 0, ordersPerAccount: 0, ordersPerName: 0 },
        orderValidity: 86_400,
        profiles: ['server'],
        plainAccountUrls: false,
        reuseAuthorizations: true,
        validation: {
          allowedNetworks: [],
          concurrency: 32,
          deniedNetworks: [],
          httpPort: 80,
          patience: 15,
          resolvers: [],
          searchDomains: [],
          timeout: 10,
          tlsPort: 443,
        },
      },
      est: {
        auth: ['certificate', 'basic', 'token'],
        changeNames: false,
        channelBinding: 'allowed',
        csrAttributes: 'attributes',
        enabled: true,
        labels: {},
        lineLength: 0,
        names: [],
        serverKeys: true,
        trustAnchors: [],
      },
      host: '127.0.0.1',
      tlsPort: 8443,
      workers: 0,
      httpPort: 8080,
      publicUrl: 'http://localhost:8080',
      defaultProfile: 'server',
      rollover: { propagation: 86_400 },
      approvals: { validity: 7 * 86_400, retryAfter: 60, pendingPerCaller: 100 },
      tls: { names: [], validity: 2_592_000, minVersion: 'TLSv1.2' },
      log: { level: 'info' },
      metrics: { host: '127.0.0.1', public: false },
      limits: {
        idempotencyKeys: 2_592_000,
        queue: 4096,
        requests: 1024,
        wait: 2000,
        httpConnections: 16_384,
        tlsConnections: 4096,
      },
      ocsp: OCSP,
      crl: CRL,
      authorities: {},
      sds: { clients: [] },
      webhooks: [],
      tracing: { sampleOneIn: 1, serviceName: 'chancery' },
      notices: {
        authorities: 90 * 86_400,
        certificates: 7 * 86_400,
        crls: 14 * 86_400,
        queue: 10_000,
        retryFor: 3 * 86_400,
      },
    })
    expect(Object.keys(profiles)).toEqual(['server', 'client', 'peer', 'spiffe', 'short-lived'])
  })

  test('of a group stay where only one of its keys is given', () => {
    expect(build('ocsp: {validity: 1h}').ocsp).toEqual({ ...OCSP, validity: 3600 })
  })

  test('the public address follows the port, and is left open where the port is', () => {
    expect(build('httpPort: 9080').publicUrl).toBe('http://localhost:9080')
    expect(build('httpPort: 0').publicUrl).toBeNull()
  })
})

describe('an authority', () => {
  test('has its own options over those for all', () => {
    const config = build(
      'crl: {delta: true, refresh: 2h}\nauthorities: {old: {crl: {refresh: 6h}, ocsp: {signer: delegated}}}',
    )
    expect(optionsOf(config, 'old').crl).toEqual({ ...CRL, delta: true, refresh: 21_600 })
    const { cacheEntries: _, uncachedRate: __, ...ocsp } = OCSP
    expect(optionsOf(config, 'old').ocsp).toEqual({ ...ocsp, signer: 'delegated' })
    expect(optionsOf(config, 'other').crl).toEqual({ ...CRL, delta: true, refresh: 7200 })
    expect(optionsOf(config, 'constructor').crl.refresh).toBe(7200)
  })

  test.each([
    [
      'authorities: {old: {crl: {refresh: 8d}}}',
      'authorities.old.crl.refresh must be shorter than authorities.old.crl.validity.',
    ],
    ['crl: {delta: true, deltaRefresh: 2h}', 'crl.deltaRefresh must be shorter than crl.deltaValidity.'],
    ['crl: {onRevocation: delta}', 'crl.onRevocation "delta" needs crl.delta: true.'],
    ['httpPort: 0\ncrl: {partitions: 4}', 'need publicUrl, or an httpPort other than 0'],
    ['ocsp: {signer: delegated, responderValidity: 35h}', 'at least three times ocsp.validity'],
    ['ocsp: {expired: unauthorized, archiveCutoff: 1y}', 'ocsp.archiveCutoff says that expired'],
    [
      'authorities: {old: {crl: {partition: 4}}}',
      '"authorities.old.crl.partition" is not a known option; did you mean "authorities.old.crl.partitions"?',
    ],
    [
      'authorities: {old: {ocsp: {cacheEntries: 4}}}',
      '"authorities.old.ocsp.cacheEntries" is not a known option',
    ],
  ])('%s', (yaml, expected) => {
    expect(fault(yaml)).toContain(expected)
  })
})

test('a profile that needs approval is not for ACME, whose orders cannot wait', () => {
  const file = 'profiles: {server: {approval: enrol}}'
  expect(fault(file)).toContain('acme.profiles: profile "server" needs approval')
  expect(build(`${file}\nacme: {profiles: [peer]}`).profiles.server!.approval).toBe('enrol')
  build(`${file}\nacme: {enabled: false}`)
})

test('everything is frozen, all the way down', () => {
  const thawed: string[] = []
  const visit = (value: unknown, path: string) => {
    if (typeof value !== 'object' || value === null) return
    if (!Object.isFrozen(value)) thawed.push(path)
    for (const [key, part] of Object.entries(value)) visit(part, `${path}.${key}`)
  }
  visit(build('profiles: {server: {policies: [1.2.3]}}'), 'config')
  expect(thawed).toEqual([])
})

describe('layers', () => {
  const file = 'tlsPort: 1\nhttpPort: 2\nlog: {level: warn}'

  test('the environment goes before the file, the command line before both', () => {
    const environment = { CHANCERY_TLS_PORT: '11', CHANCERY_LOG_LEVEL: 'debug', CHANCERY_HOST: '::1' }
    const config = build(file, { environment, overrides: { tlsPort: 111 } })
    expect(config).toMatchObject({ tlsPort: 111, httpPort: 2, host: '::1', log: { level: 'debug' } })
  })

  test('an empty variable is an unset one, and unknown ones are left alone', () => {
    const environment = { CHANCERY_TLS_PORT: '', CHANCERY_PORT: 'tcp://10.0.0.1:443' }
    expect(build(file, { environment }).tlsPort).toBe(1)
  })

  test('a wrong variable is named as the variable', () => {
    const environment = { CHANCERY_TLS_PORT: 'tcp://10.0.0.1:443' }
    expect(fault('', { environment })).toBe(
      'CHANCERY_TLS_PORT must be a whole number from 0 to 65535, and is "tcp://10.0.0.1:443".',
    )
  })
})

describe('faults', () => {
  test.each([
    ['tlsprot: 1', 'chancery.yaml: "tlsprot" is not a known option; did you mean "tlsPort"?'],
    ['log: {levle: info}', 'chancery.yaml: "log.levle" is not a known option; did you mean "log.level"?'],
    ['ocsp: {elephant: 1}', '"ocsp.elephant" is not a known option. Known here: validity, signer,'],
    ['tlsPort: "8443"', 'tlsPort must be a whole number from 0 to 65535, and is "8443".'],
    ['tlsPort: 65536', 'tlsPort must be a whole number from 0 to 65535, and is 65536.'],
    ['tls: {validity: soon}', 'tls.validity must be a duration'],
    ['tls: {validity: 1s}', 'tls.validity must be a duration'],
    ['tls: {names: web}', 'tls.names must be a list, and is "web".'],
    ['tls: {names: [a_b]}', 'tls.names: '],
    ['sds: {clients: ["dns:a_b"]}', 'sds.clients: '],
    ['tls: {names: [a.test, a.test]}', 'tls.names has a value twice.'],
    ['tls:', 'tls must be a map of options, and is empty.'],
    ['- a', 'The file must be a map of options, and is ["a"].'],
    ['log: {level: loud}', 'log.level must be one of fatal, error, warn, info, debug, trace, silent'],
    ['tlsPort: 8080', 'tlsPort and httpPort are both 8080.'],
    ['crl: {validity: 1h, refresh: 1h}', 'crl.refresh must be shorter than crl.validity.'],
    ['defaultProfile: servre', 'defaultProfile "servre" does not exist; did you mean "server"?'],
    ['profiles: {Server: {}}', '"profiles.Server": a name must have lower-case letters'],
    ['constructor: 1', '"constructor" is not a known option'],
    ['__proto__: {host: x}', '"__proto__" is not a known option'],
  ])('%s', (yaml, expected) => {
    expect(fault(yaml)).toContain(expected)
  })

  test('are reported all at once', () => {
    const detail = fault('tlsPort: x\nlog: {level: loud}\nhots: y')
    expect(detail).toContain('tlsPort must be')
    expect(detail).toContain('log.level must be')
    expect(detail).toContain('did you mean "host"?')
  })

  test.each([
    'https://ca.test',
    'http://u:p@ca.test',
    'http://ca.test/?a',
    'http://ca.test/#a',
    'ca.test',
    '',
  ])('publicUrl %j is refused: relying parties fetch it by plain http', (url) => {
    expect(fault('', { overrides: { publicUrl: url } })).toContain('publicUrl must be an http:// address')
  })

  test.each([
    'http://user:hidden@collector.test:4318',
    'http://collector.test:4318/?#hidden',
    'http://hidden:70000',
  ])('tracing.endpoint %j is refused, and not repeated: it may hold a key', (endpoint) => {
    const detail = fault(JSON.stringify({ tracing: { endpoint } }))
    expect(detail).toMatch(/^tracing.endpoint (?:must have neither|is no address)/)
    expect(detail).not.toContain('hidden')
  })

  test.each([
    ['http://ca.test\n', '"http://ca.test"'],
    [' http://ca.test', '"http://ca.test"'],
    ['http:ca.test', '"http://ca.test"'],
    ['http:\\\\ca.test\\pki', '"http://ca.test/pki"'],
    ['http://b\u00fccher.test', '"http://xn--bcher-kva.test"'],
    ['http://ca.test/a b', '"http://ca.test/a%20b"'],
    ['http://ca.test/a/../b', '"http://ca.test/b"'],
    ['http://0x7f.1', '"http://127.0.0.1"'],
    ['http://ca.test/?', 'another'],
    ['http://ca.test#', 'another'],
    ['http://ca.test/%zz', 'another'],
  ])('publicUrl %j is refused: it would stand so in certificates', (url, instead) => {
    expect(fault('', { overrides: { publicUrl: url } })).toContain(`: write ${instead}.`)
  })

  test.each([
    'http://CA.test',
    'http://ca.test:80',
    'HTTP://ca.test:8080/pki',
    'http://[::1]:8080',
    'http://ca',
    'http://xn--mnchen-3ya.test',
    'HTTP://CA.test:8080/pki/%C3%BC',
    'http://ca_1.test',
  ])('publicUrl %s is taken as it is', (url) =>
    expect(build('', { overrides: { publicUrl: url } }).publicUrl).toBe(url),
  )

  test.each([
    ['sds: { clients: ["dns:a..test"] }', 'sds.clients: The DNS name "a..test" has an empty label'],
    ['admins: [{ san: "email:nobody" }]', 'admins[0].san: The e-mail address "nobody"'],
  ])('%j names the option', (yaml, words) => {
    expect(fault(yaml)).toContain(words)
  })

  test('sds.clients are compared as certificates spell them', () => {
    const { sds } = build('sds: { clients: ["dns:EDGE.Example.test", "ip:FD00::0:1"] }')
    expect(sds.clients).toEqual(['dns:edge.example.test', 'ip:fd00::1'])
  })

  test('publicUrl loses the slash at its end', () => {
    expect(build('publicUrl: http://ca.test/pki/').publicUrl).toBe('http://ca.test/pki')
  })
})

describe('sign-in by OpenID Connect', () => {
  const oidc = {
    ...{ issuer: 'https://login.example.test', clientId: 'ca', roles: { admins: 'admin' } },
    callback: 'https://ca.example.test:8443/v1/session/oidc/callback',
  }

  test('is off unless it is configured, and needs a few options', () => {
    expect(build().oidc).toBeUndefined()
    expect(build(JSON.stringify({ oidc })).oidc).toMatchObject({ ...oidc, roleClaim: 'groups' })
    expect(() => build(JSON.stringify({ oidc: {} }))).toThrow(
      /oidc.issuer is missing. oidc.clientId is missing. oidc.callback is missing. oidc.roles is empty/,
    )
  })

  test('goes over https alone, but for a provider on this machine', () => {
    const wrong = (change: object) => () => build(JSON.stringify({ oidc: { ...oidc, ...change } }))
    expect(wrong({ issuer: 'http://login.example.test' })).toThrow(/oidc.issuer must be an https/)
    expect(wrong({ issuer: 'http://127.0.0.1:3000' })).not.toThrow()
    for (const issuer of [
      'https://a:b@login.test',
      'https://login.test/?a=b',
      'https://login.test/#',
      'https:',
    ])
      expect(wrong({ issuer })).toThrow(/oidc.issuer must be an https/)
    expect(wrong({ callback: 'https://ca.example.test/elsewhere' })).toThrow(/oidc.callback/)
    expect(wrong({ scopes: ['email'] })).toThrow(/"openid"/)
    expect(wrong({ roles: { admins: 'root' } })).toThrow(/admin, operator, auditor/)
  })

  test('tells access tokens from ID tokens by their audience', () => {
    const audience = (text: string) => () => build(JSON.stringify({ oidc: { ...oidc, audience: text } }))
    expect(audience('urn:example:ca')).not.toThrow()
    expect(audience(oidc.clientId)).toThrow(/oidc.audience must not be oidc.clientId/)
  })
})

test('what gives a certificate a role must name one', () => {
  const admins = (...list: object[]) => build(JSON.stringify({ admins: list })).admins
  expect(admins({ san: 'email:ada@example.test' })).toEqual([
    { san: 'email:ada@example.test', role: 'auditor' },
  ])
  expect(() => admins({ role: 'admin' })).toThrow(/admins\[0\] says of no certificate/)
  expect(() => admins({ san: 'dns:a.test', profile: 'none' })).toThrow(/no profile "none"/)
  expect(() => admins({ san: 'ada' })).toThrow(/admins\[0\].san must be a name with its kind/)
})
