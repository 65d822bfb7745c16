import { join } from 'node:path'
import { expect } from 'vitest'
import { publicUrls } from '../../src/ca/certificate-template.ts'
import { makeCrossCertificate, makeIntermediateCertificate } from '../../src/ca/hierarchy/ca-certificate.ts'
import { makeNextRootCrl } from '../../src/ca/hierarchy/next-root-crl.ts'
import { createRoot, type OpenRoot, openRoot } from '../../src/ca/hierarchy/root.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { REASON } from '../../src/pki/crl/reasons.ts'
import { parseCsr } from '../../src/pki/csr/parse.ts'
import { parseDnText } from '../../src/pki/distinguished-name.ts'
import { decodePem, encodePem } from '../../src/pki/pem.ts'
import { type Answer, DAY, PUBLIC_URL, ROOT_PASSPHRASE, type TestCa } from './ca-fixture.ts'

/** The root that init made. */
export function ownRoot(ca: TestCa): Promise<OpenRoot> {
  return openRoot(join(ca.directory, 'root-offline'), ROOT_PASSPHRASE)
}

export interface NewAuthorityWish {
  readonly replaces?: string
  /** Who signs; the root that init made if absent. */
  readonly root?: OpenRoot
  /** PEM of who signs and of what is above it; that one alone if absent. */
  readonly above?: string
  /** Seconds. */
  readonly validity?: number
  /** That the installation shall answer with. */
  readonly status?: number
}

/** An issuing authority, made and signed as a ceremony does it, and installed. What the installation answers. */
export async function newAuthority(
  ca: TestCa,
  id: string,
  { replaces, root: given, above, validity = 1000 * DAY, status = 200 }: NewAuthorityWish = {},
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
    root.id,
    root.signer,
    ca.clock(),
  )
  const installed = await ca.call(`/v1/authorities/${id}/certificate`, {
    method: 'PUT',
    body:
      encodePem('CERTIFICATE', certificate.der) + (above ?? encodePem('CERTIFICATE', root.certificate.der)),
    headers: { 'content-type': 'application/pem-certificate-chain' },
  })
  expect(installed.status, installed.text).toBe(status)
  return installed
}

/** A root beside the first, with its first CRL; nothing of it is installed yet. */
export async function secondRoot(ca: TestCa, subject = 'CN=Second Root', name = 'second-root') {
  const folder = join(ca.directory, name)
  const wish = { keyType: 'P-256', hash: null, subject: parseDnText(subject), validity: 3650 * DAY } as const
  const root = await createRoot(folder, wish, ROOT_PASSPHRASE, ca.clock(), { isFirst: false })
  return { root, certificate: encodePem('CERTIFICATE', root.certificate.der), crl: await firstCrl(ca, root) }
}

async function firstCrl(ca: TestCa, root: OpenRoot): Promise<string> {
  const wish = { previous: null, revoke: [], validity: 1000 * DAY }
  return encodePem('X509 CRL', (await makeNextRootCrl(root, wish, ca.clock())).der)
}

/** What `root cross` makes: `by` signs the key of `of`. PEM. */
export async function crossed(
  ca: TestCa,
  of: OpenRoot,
  by: OpenRoot,
  validity = 1000 * DAY,
): Promise<string> {
  const wish = { of: of.certificate, validity, urls: publicUrls(PUBLIC_URL) }
  return encodePem('CERTIFICATE', (await makeCrossCertificate(wish, by, ca.clock())).der)
}

export function installRoots(ca: TestCa, ...pem: string[]): Promise<Answer> {
  const headers = { 'content-type': 'application/x-pem-file' }
  return ca.call('/v1/roots', { body: pem.join(''), headers })
}

/** What `root crl --revoke` and `crl install root` do. `certificate`: PEM, of what the root that init made has signed. */
export async function revokeByRoot(ca: TestCa, certificate: string): Promise<void> {
  const { serialNumber } = parseCertificate(decodePem(certificate, 'certificate')[0]!.der)
  const previous = (await ca.call('/crl/root.crl', { as: null }, ca.http)).body
  const wish = { previous, revoke: [{ serialNumber, reason: REASON.cACompromise }], validity: 365 * DAY }
  const { der } = await makeNextRootCrl(await ownRoot(ca), wish, ca.clock())
  const headers = { 'content-type': 'application/pkix-crl' }
  const brought = await ca.call('/v1/authorities/root/crl', { method: 'PUT', body: der, headers })
  expect(brought.status, brought.text).toBe(200)
}
