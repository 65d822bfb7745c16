import type { KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Clock, epochSeconds } from '../clock.ts'
import { makePrivateDirectory, syncDirectory } from '../durable-files.ts'
import { subjectAltName } from '../pki/certificate/extensions.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { encodeCsr } from '../pki/csr/encode.ts'
import { parseCsr } from '../pki/csr/parse.ts'
import { encodeName } from '../pki/distinguished-name.ts'
import { generateKey } from '../pki/keys/generate.ts'
import { decryptPkcs8, encryptPkcs8 } from '../pki/keys/pkcs8.ts'
import { nameText, type SubjectName } from '../pki/names/san.ts'
import { decodePem, encodePem } from '../pki/pem.ts'
import type { Store } from '../store/store.ts'
import { SYSTEM_ORIGIN } from './audit.ts'
import type { Authorities } from './authorities.ts'
import type { Issuer } from './issue.ts'
import { checkKeyFileMode } from './key-file.ts'
import { SERVICE_PROFILE } from './policy/grant.ts'

/** The key and certificate that the TLS listener shows. */
export interface ServiceIdentity {
  /** PKCS #8 PEM; for the TLS context alone. */
  readonly key: string
  /** Leaf and intermediates, PEM. */
  readonly certificate: string
  readonly serialNumber: string
  /** Seconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
}

export interface IdentityContext {
  readonly store: Store
  readonly authorities: Authorities
  readonly issuer: Issuer
  readonly clock: Clock
  readonly directory: string
  readonly passphrase: string
  readonly names: readonly SubjectName[]
  /** Hears why the identity on disk could not be used; a new one takes its place. */
  readonly onFault: (error: unknown) => void
}

const FILE = join('keys', 'service-tls.pem')

/** The identity on disk if it is still good for a third of its life and for these names; else a new one, issued through the one path. */
export async function serviceIdentity(context: IdentityContext): Promise<ServiceIdentity> {
  const stored = await storedIdentity(context).catch((error: unknown) => {
    context.onFault(error)
    return null
  })
  return stored ?? newIdentity(context)
}

/** When the next one is due: two thirds through its life. Seconds since 1970. */
export function renewalTime({
  notBefore,
  notAfter,
}: Pick<ServiceIdentity, 'notBefore' | 'notAfter'>): number {
  return notBefore + Math.floor(((notAfter - notBefore) * 2) / 3)
}

async function storedIdentity(context: IdentityContext): Promise<ServiceIdentity | null> {
  const file = join(context.directory, FILE)
  if (!existsSync(file)) return null
  await checkKeyFileMode(file)
  const text = await readFile(file, 'utf8')
  const leaf = decodePem(text, 'service certificate').find(({ label }) => label === 'CERTIFICATE')
  if (!leaf) return null
  const info = parseCertificate(leaf.der)
  const row = await context.store.read.certificate(info.serialNumber)
  const good =
    row?.der.equals(leaf.der) &&
    !row.revocation &&
    row.authority === context.authorities.issuing().id &&
    renewalTime(info) > epochSeconds(context.clock()) &&
    row.names.map(nameText).join() === context.names.map(nameText).join()
  if (!good) return null
  const keyPem = text.slice(0, text.indexOf('-----BEGIN CERTIFICATE'))
  return identity(decryptPkcs8(keyPem, context.passphrase), leaf.der, context)
}

async function newIdentity(context: IdentityContext): Promise<ServiceIdentity> {
  const key = await generateKey('P-256')
  const csr = parseCsr(
    encodeCsr({ key, subject: encodeName([]), extensions: [subjectAltName(context.names, true)] }),
  )
  const issued = await context.issuer.issue(
    () => ({ proof: { kind: 'csr', csr }, profile: SERVICE_PROFILE }),
    { kind: 'system', id: 'system:tls' },
    SYSTEM_ORIGIN,
  )
  const file = join(context.directory, FILE)
  makePrivateDirectory(dirname(file))
  const text =
    (await encryptPkcs8(key, context.passphrase)) + encodePem('CERTIFICATE', issued.certificate.der)
  await writeFile(`${file}.new`, text, { mode: 0o600, flush: true })
  await rename(`${file}.new`, file)
  syncDirectory(dirname(file))
  return identity(key, issued.certificate.der, context)
}

function identity(key: KeyObject, leaf: Buffer, { authorities }: IdentityContext): ServiceIdentity {
  const { serialNumber, notBefore, notAfter } = parseCertificate(leaf)
  const chain = [leaf, ...authorities.chainOf(authorities.issuing().id)]
  return {
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: chain.map((der) => encodePem('CERTIFICATE', der)).join(''),
    serialNumber,
    notBefore,
    notAfter,
  }
}
