import { X509Certificate } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Authorities } from '../../../src/ca/authorities.ts'
import { publicUrls } from '../../../src/ca/certificate-template.ts'
import { makeIntermediateCertificate } from '../../../src/ca/hierarchy/ca-certificate.ts'
import { defaultHierarchy } from '../../../src/ca/hierarchy/defaults.ts'
import { type Initialisation, initialise } from '../../../src/ca/hierarchy/initialise.ts'
import { installAuthority } from '../../../src/ca/hierarchy/install.ts'
import { createRoot, openRoot } from '../../../src/ca/hierarchy/root.ts'
import { createKeySigner } from '../../../src/ca/key-signer.ts'
import { systemClock } from '../../../src/clock.ts'
import { parseCsr } from '../../../src/pki/csr/parse.ts'
import { encodeName, parseDnText } from '../../../src/pki/distinguished-name.ts'
import type { HashName, KeyType } from '../../../src/pki/keys/algorithms.ts'
import { generateKey } from '../../../src/pki/keys/generate.ts'
import { decodePem } from '../../../src/pki/pem.ts'
import { openStore } from '../../../src/store/open.ts'
import type { Store } from '../../../src/store/store.ts'
import { readCrl } from '../../crl/published.ts'
import { audit } from '../../store/records.ts'
import { temporaryDirectory } from '../../store/temporary.ts'

const wish = (directory: string, changes: Partial<Initialisation> = {}): Initialisation => ({
  directory,
  clock: systemClock,
  passphrase: 'passphrase',
  intermediate: defaultHierarchy().intermediate,
  root: { ...defaultHierarchy().root, passphrase: 'root passphrase' },
  urls: publicUrls('http://ca.example.test'),
  ...changes,
})

const OWN_PATHS = { clock: systemClock, rootFor: () => undefined }

async function authoritiesOf(store: Store, directory: string, passphrase = 'passphrase') {
  const authorities = new Authorities(store, directory, passphrase, OWN_PATHS)
  await authorities.reload()
  return authorities
}

async function opened<T>(
  directory: string,
  use: (authorities: Authorities, store: Awaited<ReturnType<typeof openStore>>) => Promise<T>,
) {
  const store = await openStore({ file: join(directory, 'chancery.db') })
  try {
    return await use(await authoritiesOf(store, directory), store)
  } finally {
    await store.close()
  }
}

test('what it leaves: keys encrypted and for their owner alone, the root apart from the rest', async () => {
  const directory = temporaryDirectory()
  const made = await initialise(wish(directory))
  expect(readdirSync(directory).sort()).toEqual([
    'admin.key',
    'chancery.db',
    'chancery.db.lock',
    'keys',
    'root-offline',
    'root.pem',
  ])
  expect(readdirSync(join(directory, 'root-offline')).sort()).toEqual([
    'MOVE-OFFLINE.txt',
    'root.key.pem',
    'root.pem',
  ])
  const mode = (...path: string[]) => statSync(join(directory, ...path)).mode & 0o777
  expect([
    mode('admin.key'),
    mode('chancery.db'),
    mode('chancery.db.lock'),
    mode('keys', 'intermediate.key.pem'),
    mode('root-offline', 'root.key.pem'),
  ]).toEqual([0o600, 0o600, 0o600, 0o600, 0o600])
  expect([mode('keys'), mode('root-offline')]).toEqual([0o700, 0o700])
  for (const file of ['keys/intermediate.key.pem', 'root-offline/root.key.pem']) {
    expect(readFileSync(join(directory, file), 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
  }
  expect(readFileSync(join(directory, 'admin.key'), 'utf8')).toMatch(/^chancery_admin_[A-Za-z0-9_-]{43}\n$/)
  const root = new X509Certificate(readFileSync(join(directory, 'root.pem')))
  expect(made.rootFingerprint).toBe(root.fingerprint256.replaceAll(':', '').toLowerCase())
  // The root's first CRL lasts as long as the certificate that it speaks of.
  await opened(directory, async (authorities, store) => {
    const { der } = (await store.read.latestCrl('root'))!
    const crl = readCrl(der, authorities.get('root')!)
    expect(crl).toMatchObject({
      number: 1,
      serialNumbers: null,
      nextUpdate: authorities.issuing().certificate.notAfter,
    })
  })
})

test('two hierarchies never share a name', async () => {
  const subjects = new Set(Array.from({ length: 20 }, () => JSON.stringify(defaultHierarchy().root.subject)))
  expect(subjects.size).toBe(20)
})

describe('every kind of key', () => {
  test.for<[KeyType, HashName | null, string]>([
    ['P-256', null, '1.2.840.10045.4.3.2'],
    ['P-384', null, '1.2.840.10045.4.3.3'],
    ['P-384', 'sha512', '1.2.840.10045.4.3.4'],
    ['P-521', null, '1.2.840.10045.4.3.4'],
    ['RSA-3072', null, '1.2.840.113549.1.1.11'],
    ['Ed25519', null, '1.3.101.112'],
  ])('%s with %s', async ([keyType, hash, algorithm]) => {
    const directory = temporaryDirectory()
    const { intermediate, root } = defaultHierarchy()
    await initialise(
      wish(directory, {
        intermediate: { ...intermediate, keyType, hash },
        root: { ...root, keyType, hash, passphrase: 'root passphrase' },
      }),
    )
    await opened(directory, async (authorities) => {
      const { certificate, chain, signer } = authorities.issuing()
      const [issuing, above] = [new X509Certificate(certificate.der), new X509Certificate(chain[0]!)]
      expect(above.verify(above.publicKey) && issuing.verify(above.publicKey)).toBe(true)
      expect(certificate.signatureAlgorithm.oid).toBe(algorithm)
      expect(signer.algorithm.oid).toBe(algorithm)
    })
  })
})

describe('refused:', () => {
  test('a directory that holds a CA', async () => {
    const directory = temporaryDirectory()
    await initialise(wish(directory))
    const before = readFileSync(join(directory, 'admin.key'))
    await expect(initialise(wish(directory))).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('holds a CA already'),
    })
    expect(readFileSync(join(directory, 'admin.key'))).toEqual(before)
  })

  test('keys whose database is lost: they are not overwritten', async () => {
    const directory = temporaryDirectory()
    await initialise(wish(directory))
    rmSync(join(directory, 'chancery.db'))
    const key = readFileSync(join(directory, 'keys', 'intermediate.key.pem'))
    await expect(initialise(wish(directory))).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringMatching(/Restore the database/),
    })
    expect(readFileSync(join(directory, 'keys', 'intermediate.key.pem'))).toEqual(key)
  })

  test.for<[string, Partial<Initialisation['intermediate']>]>([
    ['an id for no file', { id: '../x' }],
    ['a key for leaves alone', { keyType: 'RSA-2048' }],
    ['no subject', { subject: [] }],
    ['Ed25519 with a hash', { keyType: 'Ed25519', hash: 'sha256' }],
  ])('%s, and nothing is left that looks like a CA', async ([, changes]) => {
    const directory = temporaryDirectory()
    const intermediate = { ...defaultHierarchy().intermediate, ...changes }
    await expect(initialise(wish(directory, { intermediate }))).rejects.toMatchObject({
      code: 'badConfiguration',
    })
    expect(readdirSync(directory).filter((name) => !name.startsWith('.'))).toEqual(['chancery.db.lock'])
    // The next attempt is not in the way of the last one's remains.
    await initialise(wish(directory))
  })
})

test('with the root elsewhere there is a key and a CSR, and no authority until the chain is there', async () => {
  const directory = temporaryDirectory()
  const made = await initialise(wish(directory, { root: null }))
  expect(made).toMatchObject({ rootFingerprint: null, rootFolder: null })
  expect(readdirSync(directory).sort()).toEqual(['admin.key', 'chancery.db', 'chancery.db.lock', 'keys'])
  await opened(directory, async (authorities, store) => {
    expect(() => authorities.issuing()).toThrow(/No authority can issue yet/)
    const csr = parseCsr(decodePem(made.csr!, 'CSR')[0]!.der)
    const root = await createRoot(join(directory, 'elsewhere'), defaultHierarchy().root, 'x', systemClock())
    const issuing = {
      subject: csr.subject,
      spki: csr.publicKey.spki,
      pathLength: 0,
      nameConstraints: null,
      validity: 86_400,
      urls: null,
    }
    const { der } = await makeIntermediateCertificate(
      issuing,
      root.certificate,
      'root',
      root.signer,
      systemClock(),
    )
    await installAuthority(
      store,
      'intermediate',
      [der, root.certificate.der],
      systemClock(),
      audit('authority.install'),
    )
    await authorities.reload()
    expect(authorities.issuing()).toMatchObject({ id: 'intermediate', isDefault: true })
    expect(authorities.roots()).toEqual([root.certificate.der])
  })
})

test('a root elsewhere has the id by which what it signed names its CRL, also where that is a CA between', async () => {
  const directory = temporaryDirectory()
  const made = await initialise(wish(directory, { root: null }))
  await opened(directory, async (_authorities, store) => {
    const csr = parseCsr(decodePem(made.csr!, 'CSR')[0]!.der)
    const folder = join(directory, 'elsewhere')
    const root = await createRoot(folder, defaultHierarchy().root, 'x', systemClock(), { isFirst: false })
    const signer = createKeySigner(await generateKey('P-256'), 'sha256')
    const common = { nameConstraints: null, validity: 86_400 }
    const between = await makeIntermediateCertificate(
      {
        ...{ ...common, subject: encodeName(parseDnText('CN=Policy CA')), spki: signer.spki, pathLength: 1 },
        urls: publicUrls('http://ca.example.test'),
      },
      root.certificate,
      root.id,
      root.signer,
      systemClock(),
    )
    const { subject, publicKey } = csr
    const issuing = { ...common, subject, spki: publicKey.spki, pathLength: 0, urls: null }
    const own = await makeIntermediateCertificate(issuing, between, 'policy', signer, systemClock())
    const chain = [own, between, root.certificate].map(({ der }) => der)
    await installAuthority(store, 'intermediate', chain, systemClock(), audit('authority.install'))
    const roots = (await store.read.authorities()).filter(({ role }) => role === 'root')
    expect(roots.map(({ id }) => id)).toEqual([root.id])
  })
})

test('an intermediate never outlives its root', async () => {
  const directory = temporaryDirectory()
  const { intermediate, root } = defaultHierarchy()
  await initialise(wish(directory, { intermediate: { ...intermediate, validity: 2 * root.validity } }))
  await opened(directory, async (authorities) => {
    const { certificate, usableUntil } = authorities.issuing()
    expect(certificate.notAfter).toBe(authorities.get('root')!.certificate.notAfter)
    expect(usableUntil).toBe(certificate.notAfter)
  })
})

test('path length and name constraints go into certificate and CSR', async () => {
  const directory = temporaryDirectory()
  const intermediate = {
    ...defaultHierarchy().intermediate,
    subject: parseDnText('CN=Constrained,O=Example'),
    pathLength: 1,
    nameConstraints: { permitted: { dns: ['example.test'] }, excluded: { ip: ['0.0.0.0/0', '::/0'] } },
  }
  await initialise(wish(directory, { intermediate }))
  await opened(directory, async (authorities, store) => {
    const row = (await store.read.authorities()).find(({ id }) => id === 'intermediate')!
    const value = (list: readonly { oid: string; critical: boolean; value: Buffer }[], oid: string) =>
      list.find((one) => one.oid === oid)
    const { extensions } = authorities.issuing().certificate
    const requested = parseCsr(row.csr!).extensions
    for (const oid of ['2.5.29.19', '2.5.29.30']) {
      expect(value(extensions, oid)).toMatchObject({ critical: true, value: value(requested, oid)!.value })
    }
    expect(value(extensions, '2.5.29.19')!.value.toString('hex')).toBe('30060101ff020101')
    expect(authorities.issuing().nameLimits).toHaveLength(1)
  })
})

describe('the keys at the next start', () => {
  test('are refused with a wrong passphrase, a wider mode, another key or none, and the words say what to do', async () => {
    const directory = temporaryDirectory()
    await initialise(wish(directory))
    const file = join(directory, 'keys', 'intermediate.key.pem')
    const right = readFileSync(file)
    const store = await openStore({ file: join(directory, 'chancery.db') })
    const open = (passphrase?: string) => authoritiesOf(store, directory, passphrase)
    try {
      await expect(open('wrong')).rejects.toMatchObject({
        code: 'badConfiguration',
        detail: expect.not.stringContaining('wrong'),
      })
      chmodSync(file, 0o640)
      await expect(open()).rejects.toMatchObject({ detail: expect.stringContaining(`chmod 600 ${file}`) })
      chmodSync(file, 0o600)
      writeFileSync(file, readFileSync(join(directory, 'root-offline', 'root.key.pem')))
      await expect(open('root passphrase')).rejects.toMatchObject({
        detail: expect.stringMatching(/does not belong to the certificate/),
      })
      rmSync(file)
      await expect(open()).rejects.toMatchObject({
        code: 'badConfiguration',
        detail: expect.stringMatching(/backup/),
      })
      writeFileSync(file, right, { mode: 0o600 })
      expect((await open()).issuing().id).toBe('intermediate')
    } finally {
      await store.close()
    }
  })

  test('the service never opens the root’s', async () => {
    const directory = temporaryDirectory()
    await initialise(wish(directory))
    rmSync(join(directory, 'root-offline'), { recursive: true })
    await opened(directory, async (authorities) => {
      expect(authorities.get('root')).toMatchObject({ signer: null, role: 'root' })
      expect(() => authorities.issuing('root')).toThrow(/does not issue/)
    })
  })

  test('the root’s folder opens with its own passphrase, and its mode is looked at', async () => {
    const directory = temporaryDirectory()
    await initialise(wish(directory))
    const folder = join(directory, 'root-offline')
    const { certificate, signer } = await openRoot(folder, 'root passphrase')
    expect(signer.spki.equals(certificate.spki)).toBe(true)
    await expect(openRoot(folder, 'passphrase')).rejects.toMatchObject({ code: 'badConfiguration' })
    chmodSync(join(folder, 'root.key.pem'), 0o644)
    await expect(openRoot(folder, 'root passphrase')).rejects.toMatchObject({
      detail: expect.stringMatching(/chmod 600/),
    })
  })
})
