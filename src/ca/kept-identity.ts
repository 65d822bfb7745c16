import type { KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makePrivateDirectory, syncDirectory } from '../durable-files.ts'
import { CaError } from '../errors.ts'
import { type CertificateInfo, parseCertificate } from '../pki/certificate/parse.ts'
import { decryptPkcs8, encryptPkcs8 } from '../pki/keys/pkcs8.ts'
import { decodePem, encodePem } from '../pki/pem.ts'
import type { Authority } from './authority.ts'
import { checkKeyFileMode } from './key-file.ts'

/** A key of the service's own, and the certificate that this CA gave it. */
export interface KeptIdentity {
  readonly key: KeyObject
  readonly certificate: CertificateInfo
}

/** Null where there is no such file, or no certificate in it. Throws where the key cannot be read. */
export async function loadIdentity(file: string, passphrase: string): Promise<KeptIdentity | null> {
  if (!existsSync(file)) return null
  const text = readFileSync(file, 'utf8')
  const leaf = decodePem(text, 'certificate of the service').find(({ label }) => label === 'CERTIFICATE')
  if (!leaf) return null
  // Begun before anything is awaited: it takes longest, and in another thread.
  const decrypted = decryptPkcs8(text.slice(0, text.indexOf('-----BEGIN CERTIFICATE')), passphrase)
  const [key] = await Promise.all([decrypted, checkKeyFileMode(file)])
  return { key, certificate: parseCertificate(leaf.der) }
}

/**
 * Keeps it for the next start. Where that cannot be done, `onFault` hears of it: the certificate is on record, and as good without its
 * file. Another one at each try would be no better, and the one before may be revoked.
 */
export async function keepIdentity(
  file: string,
  identity: KeptIdentity,
  passphrase: string,
  onFault: (error: CaError) => void,
): Promise<void> {
  await saveIdentity(file, identity, passphrase).catch((cause: Error) => {
    const detail = `${file} could not be written: ${cause.message}. Its certificate serves from memory, and the next start makes another.`
    onFault(new CaError('storeFailed', detail, { cause }))
  })
}

/** The key encrypted, and the certificate, in one file: a reader finds the old pair or the new one, never a mixture. */
async function saveIdentity(
  file: string,
  { key, certificate }: KeptIdentity,
  passphrase: string,
): Promise<void> {
  makePrivateDirectory(dirname(file))
  const text = (await encryptPkcs8(key, passphrase)) + encodePem('CERTIFICATE', certificate.der)
  await writeFile(`${file}.new`, text, { mode: 0o600, flush: true })
  await rename(`${file}.new`, file)
  syncDirectory(dirname(file))
}

/** When the next certificate is due: two thirds through the life of this one. Seconds since 1970. */
export function renewalTime({
  notBefore,
  notAfter,
}: Pick<CertificateInfo, 'notBefore' | 'notAfter'>): number {
  return notBefore + Math.floor(((notAfter - notBefore) * 2) / 3)
}

type Issuing = Pick<Authority, 'certificate' | 'usableUntil'>

/** Whether anything would be issued at `now`, seconds since 1970. Each try that is refused is a row of the audit log. */
export function mayIssue({ certificate, usableUntil }: Issuing, now: number): boolean {
  return certificate.notBefore <= now && now < usableUntil
}

/**
 * Whether another is needed at `now`, seconds since 1970, and can be had: also where this one was made before the clock was set back. Not
 * at its authority's end: the next one would end no later, and each be followed by another at once.
 */
export function isDue(
  certificate: Pick<CertificateInfo, 'notBefore' | 'notAfter'>,
  now: number,
  authority: Issuing,
): boolean {
  const { notBefore, notAfter } = certificate
  const end = notAfter < authority.usableUntil ? renewalTime(certificate) : notAfter
  return mayIssue(authority, now) && (notBefore > now || end <= now)
}
