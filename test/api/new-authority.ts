import { join } from 'node:path'
import { expect } from 'vitest'
import { publicUrls } from '../../src/ca/certificate-template.ts'
import { makeIntermediateCertificate } from '../../src/ca/hierarchy/ca-certificate.ts'
import { type OpenRoot, openRoot } from '../../src/ca/hierarchy/root.ts'
import { parseCsr } from '../../src/pki/csr/parse.ts'
import { decodePem, encodePem } from '../../src/pki/pem.ts'
import { type Answer, DAY, PUBLIC_URL, ROOT_PASSPHRASE, type TestCa } from './ca-fixture.ts'

/** The root that init made. */
export function ownRoot(ca: TestCa): Promise<OpenRoot> {
  return openRoot(join(ca.directory, 'root-offline'), ROOT_PASSPHRASE)
}

export interface NewAuthorityWish {
  readonly replaces?: string
  /** Who signs, and under which id the service knows it; the root that init made if absent. */
  readonly root?: OpenRoot
  readonly rootId?: string
  /** Seconds. */
  readonly validity?: number
}

/** An issuing authority, made and signed as a ceremony does it, and installed. What the installation answers. */
export async function newAuthority(
  ca: TestCa,
  id: string,
  { replaces, root: given, rootId = 'root', validity = 1000 * DAY }: NewAuthorityWish = {},
): Promise<Answer> {
  const made = await ca.call('/v1/authorities', { body: { id, subject: `CN=${id}`, replaces } })
  expect(made.status, made.text).toBe(201)
  const { text } = await ca.call(`/v1/authorities/${id}/csr`)
  const csr = parseCsr(decodePem(text, 'CSR')[0]!.der)
  const root = given ?? (await ownRoot(ca))
  const certificate = await makeIntermediateCertificate(
    {
      ...{ subject: csr.subject, spki: csr.publicKey.spki, pathLength: 0, nameConstraints: null, validity },
      urls: publicUrls(PUBLIC_URL),
    },
    root.certificate,
    rootId,
    root.signer,
    ca.clock(),
  )
  const installed = await ca.call(`/v1/authorities/${id}/certificate`, {
    method: 'PUT',
    body: encodePem('CERTIFICATE', certificate.der) + encodePem('CERTIFICATE', root.certificate.der),
    headers: { 'content-type': 'application/pem-certificate-chain' },
  })
  expect(installed.status, installed.text).toBe(200)
  return installed
}
