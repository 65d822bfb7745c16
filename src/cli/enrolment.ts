import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { decodePem } from '../pki/pem.ts'
import { type NewFile, writeFiles } from '../write-files.ts'
import type { IssuedAnswer } from './answers.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { facts } from './layout.ts'
import { print, type Terminal } from './terminal.ts'

/** What an enrolment leaves in its directory. */
export interface EnrolmentFiles {
  /** PKCS #8, mode 0600. */
  readonly key: string
  /** Leaf, then intermediates. */
  readonly certificate: string
  readonly root: string
}

export function enrolmentFiles(directory: string): EnrolmentFiles {
  return {
    key: join(directory, 'key.pem'),
    certificate: join(directory, 'cert.pem'),
    root: join(directory, 'root.pem'),
  }
}

export function refuseExistingKey(files: EnrolmentFiles, force: boolean | undefined): void {
  if (!force && existsSync(files.key)) {
    throw new Failure(
      EXIT.failed,
      `${files.key} exists. "cert renew" renews its certificate; --force replaces the key.`,
    )
  }
}

/**
 * Checks that the certificate is for this key and hangs below one of the trusted roots, then writes. `newKey` is false
 * where the key file stays as it is.
 */
export function writeEnrolment(
  files: EnrolmentFiles,
  issued: IssuedAnswer,
  { key, newKey, roots }: { key: KeyObject; newKey: boolean; roots: string },
): void {
  const leaf = new X509Certificate(issued.certificate)
  if (!leaf.publicKey.equals(createPublicKey(key))) {
    throw new Failure(
      EXIT.failed,
      'The service answered with a certificate for another key. Nothing was written.',
    )
  }
  const root = rootAbove(new X509Certificate(issued.chain.at(-1) ?? issued.certificate), roots)
  const written: NewFile[] = [
    { path: files.certificate, content: [issued.certificate, ...issued.chain].join(''), mode: 0o644 },
  ]
  if (newKey) {
    const content = key.export({ type: 'pkcs8', format: 'pem' }) as string
    written.unshift({ path: files.key, content, mode: 0o600 })
  }
  if (root) written.push({ path: files.root, content: root, mode: 0o644 })
  writeFiles(written)
  if (!root) {
    throw new Failure(
      EXIT.failed,
      `The certificate was issued and written, but it is below none of the roots in --root, so ${files.root} is not. Fetch its root with "chancery bundle fetch".`,
    )
  }
}

/** PEM of the root that signed the last certificate of the chain. */
function rootAbove(last: X509Certificate, roots: string): string | undefined {
  for (const { der } of decodePem(roots, 'root file')) {
    const root = new X509Certificate(der)
    if (last.checkIssued(root) && last.verify(root.publicKey)) return root.toString()
  }
  return undefined
}

/** What was issued and where it lies. */
export function printEnrolment(
  terminal: Terminal,
  json: boolean | undefined,
  issued: IssuedAnswer,
  files: EnrolmentFiles,
): void {
  const { serialNumber, profile, authority, names, notBefore, notAfter, replaces = null } = issued
  const summary = { serialNumber, profile, authority, names, notBefore, notAfter, replaces, files }
  print(terminal, json, summary, () =>
    facts([
      ['Serial number', serialNumber],
      ['Profile', profile],
      ['Valid until', notAfter],
      ['Key', files.key],
      ['Certificate', files.certificate],
      ['Root', files.root],
    ]),
  )
}
