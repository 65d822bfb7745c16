import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { restoreBackup } from '../../src/ca/backup/restore.ts'
import { takeBackup } from '../../src/ca/backup/take.ts'
import { makeRootCertificate } from '../../src/ca/hierarchy/ca-certificate.ts'
import { makeNextRootCrl } from '../../src/ca/hierarchy/next-root-crl.ts'
import { type OpenRoot, rootId } from '../../src/ca/hierarchy/root.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { openStore } from '../../src/store/open.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { DAY, TestCa } from './ca-fixture.ts'
import { installRoots, ownRoot } from './new-authority.ts'

let ca: TestCa
let root: OpenRoot
beforeAll(async () => {
  ca = await TestCa.create()
  const old = await ownRoot(ca)
  ca.now += DAY * 1000
  const { signer } = old
  const certificate = await makeRootCertificate(signer, old.certificate.subject, 3650 * DAY, ca.clock())
  root = { id: rootId(certificate), certificate, signer }
})
afterAll(() => ca.close())

const served = async (id: string) => (await ca.call(`/crl/${id}.crl`, { as: null }, ca.http)).body

async function nextCrl(): Promise<Buffer> {
  const wish = { previous: await served('root'), revoke: [], validity: 365 * DAY }
  return (await makeNextRootCrl(root, wish, ca.clock())).der
}

async function bring(id: string, crl: Buffer) {
  const headers = { 'content-type': 'application/pkix-crl' }
  const { status, text } = await ca.call(`/v1/authorities/${id}/crl`, { method: 'PUT', body: crl, headers })
  expect(status, text).toBe(200)
}

test('of a root that was renewed with its key, a CRL is served where either certificate’s is looked for', async () => {
  const first = await nextCrl()
  const installed = await installRoots(
    ca,
    encodePem('CERTIFICATE', root.certificate.der),
    encodePem('X509 CRL', first),
  )
  expect(installed.json).toMatchObject({ roots: [root.id], crls: ['root'] })
  expect([await served('root'), await served(root.id)]).toEqual([first, first])

  // The intermediate names /crl/root.crl: what is revoked must be so there.
  const second = await nextCrl()
  await bring(root.id, second)
  expect([await served('root'), await served(root.id)]).toEqual([second, second])

  const third = await nextCrl()
  await bring('root', third)
  expect([await served('root'), await served(root.id)]).toEqual([third, third])

  const fourth = encodePem('X509 CRL', await nextCrl())
  const again = await installRoots(ca, encodePem('CERTIFICATE', root.certificate.der), fourth)
  expect(again.json).toMatchObject({ roots: [], crls: ['root', root.id] })
  await ca.reopen()
  expect(await served('root')).toEqual(await served(root.id))
})

test('a restored database has a newer CRL of it for either certificate', async () => {
  const [backup, directory] = ['backup', 'data'].map((name) => join(temporaryDirectory(), name)) as [
    string,
    string,
  ]
  await takeBackup({ directory: ca.directory, out: backup, include: [], clock: ca.clock })
  const newer = await nextCrl()
  const { carriedOver } = await restoreBackup({ directory, backup, crls: [newer], clock: ca.clock })
  expect(carriedOver.map(({ authority }) => authority)).toEqual(['root', root.id])
  const store = await openStore({ file: join(directory, 'chancery.db') })
  for (const id of ['root', root.id]) expect((await store.read.latestCrl(id))?.der).toEqual(newer)
  await store.close()
})
