import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { enrolWithCurl, openSslRequest, STRICT_VERIFY } from './enrolment.ts'
import { cli, type ServiceProcess, startService } from './harness.ts'
import { command, missing, tool, workFolder } from './tools.ts'

const INTERMEDIATE = `basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
`

/** What a root that is kept with openssl needs to make CRLs. */
const CRL_CONFIGURATION = `[ca]
default_ca = root
[root]
database = index.txt
crlnumber = number.txt
default_md = sha384
[crl]
authorityKeyIdentifier = keyid:always
`

/** The CRLs of both authorities, into crls.pem. */
async function fetchCrls(folder: string, { httpUrl }: ServiceProcess): Promise<void> {
  const crls = await command(folder, `curl -sSf ${httpUrl}/crl/intermediate.pem ${httpUrl}/crl/root.pem`)
  writeFileSync(join(folder, 'crls.pem'), crls)
}

describe.skipIf(missing('openssl', 'curl'))('a root elsewhere, kept with openssl', () => {
  /** Holds the root (root.pem, root.key) and what it signs. */
  let folder: string
  let directory: string
  beforeAll(async () => {
    folder = workFolder()
    directory = workFolder()
    await makeRoot('root', 'critical,CA:TRUE')
    const made = await cli([
      'init',
      '--external-root',
      '--subject',
      'CN=Example Issuing,O=Example',
      '--dir',
      directory,
    ])
    expect(made.status, made.stderr).toBe(0)
    expect(existsSync(join(directory, 'root-offline'))).toBe(false)
    await ours('authority', 'csr', '--out', join(folder, 'ours.csr'))
    expect(await command(folder, 'openssl req -in ours.csr -noout -verify -subject')).toContain(
      'O = Example, CN = Example Issuing',
    )
    await openSslRequest(folder, 'theirs', 'DNS:x')
  })

  async function ours(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await cli(args, { CHANCERY_DIR: directory })
    expect(status, stderr).toBe(0)
    return stdout
  }

  async function makeRoot(name: string, constraints: string): Promise<void> {
    const line = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout ${name}.key -out ${name}.pem -days 3650 -addext`
    const extensions = [`basicConstraints=${constraints}`, '-addext', 'keyUsage=critical,keyCertSign,cRLSign']
    await tool(
      folder,
      ...(line.split(' ') as [string, ...string[]]),
      ...extensions,
      '-subj',
      `/CN=Example ${name}`,
    )
  }

  /** Signs a CSR with a root; leaves chain.pem as `authority install` takes it, without the root on demand. */
  async function sign({
    csr = 'ours.csr',
    root = 'root',
    extensions = INTERMEDIATE,
    days = ['-days', '365'],
    withRoot = true,
  } = {}) {
    writeFileSync(join(folder, 'extensions.cnf'), extensions)
    const line = `openssl x509 -req -in ${csr} -CA ${root}.pem -CAkey ${root}.key -CAcreateserial -extfile extensions.cnf -out signed.pem`
    await tool(folder, ...(line.split(' ') as [string, ...string[]]), ...days)
    const read = (file: string) => readFileSync(join(folder, file), 'utf8')
    writeFileSync(join(folder, 'install.pem'), read('signed.pem') + (withRoot ? read(`${root}.pem`) : ''))
  }

  async function refusedInstall(): Promise<string> {
    const { status, stderr } = await cli(['authority', 'install', join(folder, 'install.pem')], {
      CHANCERY_DIR: directory,
    })
    expect(status, stderr).toBe(1)
    return stderr
  }

  test('does not start before the signed certificate is there, and says what to do', async () => {
    await expect(startService({ directory })).rejects.toThrow(/authority install/)
  })

  test.each<[string, Parameters<typeof sign>[0], RegExp]>([
    ['another key', { csr: 'theirs.csr' }, /another key/],
    ['CA:FALSE', { extensions: 'basicConstraints=critical,CA:FALSE\n' }, /CA:TRUE/],
    ['no basicConstraints', { extensions: 'subjectKeyIdentifier=hash\n' }, /CA:TRUE/],
    ['no keyCertSign', { extensions: INTERMEDIATE.replace('keyCertSign,', '') }, /keyCertSign/],
    ['no cRLSign', { extensions: INTERMEDIATE.replace(',cRLSign', '') }, /cRLSign/],
    ['the root left out', { withRoot: false }, /not self-signed/],
    ['an expired certificate', { days: ['-days', '-1'] }, /expired/],
  ])('refuses %s', async (_what, wish, reason) => {
    await sign(wish)
    expect(await refusedInstall()).toMatch(reason)
  })

  test('refuses a root whose path length leaves no room for an intermediate', async () => {
    await makeRoot('tight', 'critical,CA:TRUE,pathlen:0')
    await sign({ root: 'tight' })
    // Path length 0 at the root allows no CA certificate below it.
    expect(await refusedInstall()).toMatch(/path length 0/)
  })

  test('refuses a broken signature, and another root of the same name', async () => {
    await sign()
    const lines = readFileSync(join(folder, 'signed.pem'), 'utf8').trim().split('\n')
    const der = Buffer.from(lines.slice(1, -1).join(''), 'base64')
    der[der.length - 1]! ^= 1
    const broken = `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`
    writeFileSync(join(folder, 'install.pem'), broken + readFileSync(join(folder, 'root.pem'), 'utf8'))
    expect(await refusedInstall()).toMatch(/signature/)

    const root = readFileSync(join(folder, 'root.pem'), 'utf8')
    const key = readFileSync(join(folder, 'root.key'))
    await makeRoot('root', 'critical,CA:TRUE')
    const impostor = readFileSync(join(folder, 'root.pem'), 'utf8')
    writeFileSync(join(folder, 'install.pem'), readFileSync(join(folder, 'signed.pem'), 'utf8') + impostor)
    expect(await refusedInstall()).toMatch(/signature/)
    writeFileSync(join(folder, 'root.pem'), root)
    writeFileSync(join(folder, 'root.key'), key)
  })

  test('takes the right one, starts, issues, and openssl verifies up to that root', async () => {
    await sign()
    await ours('authority', 'install', join(folder, 'install.pem'))
    expect(readFileSync(join(directory, 'root.pem'), 'utf8')).toBe(
      readFileSync(join(folder, 'root.pem'), 'utf8'),
    )
    const service = await startService({ directory })
    const user = workFolder()
    copyFileSync(join(folder, 'root.pem'), join(user, 'root.pem'))
    await command(user, `curl -sSf ${service.httpUrl}/bundles/chain.pem -o chain.pem`)
    await openSslRequest(user, 'web', 'DNS:web.example.test')
    await enrolWithCurl(user, service, 'web')
    const verified = await command(
      user,
      'openssl verify -x509_strict -CAfile root.pem -untrusted chain.pem web.pem',
    )
    expect(verified).toBe('web.pem: OK\n')
    await service.stop()
  })

  /** Signs the next CRL with openssl, which lists the rows of index.txt. */
  async function makeCrl(index: string): Promise<string> {
    writeFileSync(join(folder, 'ca.cnf'), CRL_CONFIGURATION)
    writeFileSync(join(folder, 'index.txt'), index)
    const line = 'ca -gencrl -config ca.cnf -keyfile root.key -cert root.pem -crldays 365 -crlexts crl'
    await tool(folder, 'openssl', ...line.split(' '), '-out', 'root-crl.pem')
    return join(folder, 'root-crl.pem')
  }

  test('is ready without a CRL of that root, takes those that openssl makes, and serves them', async () => {
    const service = await startService({ directory })
    const user = workFolder()
    const ready = () => command(user, `curl -sSf ${service.httpUrl}/readyz`)
    expect(await ready()).toMatch(
      /"status":"ready".*"crl:root","ok":true,"reason":"It has no CRL.*crl install root FILE/,
    )
    expect(service.log).toContain('The CRLs of an authority need a hand')

    writeFileSync(join(folder, 'number.txt'), '1000\n')
    const first = await service.cli('crl', 'install', 'root', await makeCrl(''))
    expect(first).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('CRL number 4096') })
    expect(await ready()).toContain('{"name":"crl:root","ok":true,"reason":null,"until":"')

    copyFileSync(join(folder, 'root.pem'), join(user, 'root.pem'))
    await command(user, `curl -sSf ${service.httpUrl}/bundles/chain.pem -o chain.pem`)
    await openSslRequest(user, 'web', 'DNS:web.example.test')
    await enrolWithCurl(user, service, 'web')
    await fetchCrls(user, service)
    expect(await command(user, `${STRICT_VERIFY} web.pem`)).toBe('web.pem: OK\n')

    const serial = (await command(folder, 'openssl x509 -in signed.pem -noout -serial')).trim().split('=')[1]!
    const row = `R\t301231235959Z\t260101000000Z,CACompromise\t${serial}\tunknown\t/CN=revoked\n`
    const second = await service.cli('crl', 'install', 'root', await makeCrl(row))
    expect(second.status, second.stderr).toBe(0)
    await fetchCrls(user, service)
    await expect(command(user, `${STRICT_VERIFY} web.pem`)).rejects.toThrow(
      /1 depth lookup: certificate revoked/,
    )
    await service.stop()
  })
})

test.skipIf(missing('openssl', 'curl'))(
  'the ceremony by chancery itself: authority sign, where the root folder is',
  async () => {
    const offline = workFolder()
    const directory = workFolder()
    const must = async (args: string[], dir: string) => {
      const { status, stdout, stderr } = await cli(args, { CHANCERY_DIR: dir })
      expect(status, stderr).toBe(0)
      return stdout
    }
    const publicUrl = 'http://ca.example.test'
    await must(['init', '--public-url', publicUrl], offline)
    await must(['init', '--external-root'], directory)
    const csr = join(directory, 'intermediate.csr')
    const chain = join(directory, 'chain.pem')
    await must(['authority', 'csr', '--out', csr], directory)
    const root = [
      '--root-folder',
      join(offline, 'root-offline'),
      '--root-passphrase-file',
      join(offline, 'root-passphrase'),
    ]
    await must(['authority', 'sign', csr, ...root, '--public-url', publicUrl, '--out', chain], offline)
    await must(['authority', 'install', chain], directory)
    const service = await startService({ directory })
    const folder = workFolder()
    await command(folder, `curl -sSf ${service.httpUrl}/bundles/chain.pem -o chain.pem`)
    const rootCrl = join(folder, 'root-crl.pem')
    await must(['root', 'crl', ...root, '--first', '--out', rootCrl], offline)
    expect((await service.cli('crl', 'install', 'root', rootCrl)).stderr).toBe('')
    await fetchCrls(folder, service)
    copyFileSync(join(offline, 'root.pem'), join(folder, 'root.pem'))
    await openSslRequest(folder, 'web', 'DNS:web.example.test')
    await enrolWithCurl(folder, service, 'web')
    expect(await command(folder, `${STRICT_VERIFY} web.pem`)).toBe('web.pem: OK\n')
    await service.stop()
  },
)
