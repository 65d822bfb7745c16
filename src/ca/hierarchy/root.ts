import { existsSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { epochSeconds } from '../../clock.ts'
import { makePrivateDirectory, syncDirectory, writeNewFile } from '../../durable-files.ts'
import { CaError } from '../../errors.ts'
import { fingerprint } from '../../pki/certificate/fingerprint.ts'
import { type CertificateInfo, parseCertificate } from '../../pki/certificate/parse.ts'
import { encodeCrlTbs } from '../../pki/crl/list.ts'
import { encodeName, type NameAttribute } from '../../pki/distinguished-name.ts'
import { type HashName, type KeyType, SIGNATURE_ALGORITHMS } from '../../pki/keys/algorithms.ts'
import { generateKey } from '../../pki/keys/generate.ts'
import { decryptPkcs8, encryptPkcs8 } from '../../pki/keys/pkcs8.ts'
import { decodePem, encodePem } from '../../pki/pem.ts'
import { assembleSigned } from '../../pki/signed.ts'
import { checkKeyFileMode, writeKeyFile } from '../key-file.ts'
import { createKeySigner } from '../key-signer.ts'
import type { Signer } from '../signer.ts'
import { makeRootCertificate } from './ca-certificate.ts'

/** A root whose key is at hand: at its making, or when an admin brings the folder back for a ceremony. */
export interface OpenRoot {
  /** Under which the service knows it: it stands in the addresses of what the root signs. */
  readonly id: string
  readonly certificate: CertificateInfo
  readonly signer: Signer
}

export interface RootWish {
  readonly keyType: KeyType
  readonly hash: HashName | null
  readonly subject: readonly NameAttribute[]
  /** Seconds. */
  readonly validity: number
}

const KEY = 'root.key.pem'
const CERTIFICATE = 'root.pem'
/** Absent: "root". */
const ID = 'root-id'

const NOTICE = `This folder holds the root key of your hierarchy, encrypted. Whoever has it and its
passphrase can make certificates that everything of yours trusts, and nobody can take that back.

Move this folder offline now: to an encrypted medium in a safe, with a second copy elsewhere, and the
passphrase apart from both. Then delete it here. The service never opens it and runs without it.

You will need it again to sign another intermediate, or a new CRL of the root.
`

/** What the service calls a root that is not its first. */
export function rootId({ der }: Pick<CertificateInfo, 'der'>): string {
  return `root-${fingerprint(der).slice(0, 8)}`
}

/**
 * Makes a root and writes key, certificate and words about them into `folder`, to be moved offline. "conflict" where a key is there.
 * `isFirst`: the service has no other yet.
 */
export async function createRoot(
  folder: string,
  wish: RootWish,
  passphrase: string,
  now: Date,
  { isFirst = true }: { isFirst?: boolean } = {},
): Promise<OpenRoot> {
  refuseTakenFolder(folder)
  const key = await generateKey(wish.keyType)
  const signer = createKeySigner(key, wish.hash)
  const certificate = await makeRootCertificate(signer, encodeName(wish.subject), wish.validity, now)
  const id = isFirst ? 'root' : rootId(certificate)
  makePrivateDirectory(folder)
  await writeKeyFile(join(folder, KEY), key, passphrase)
  if (!isFirst) writeNewFile(join(folder, ID), `${id}\n`, 0o644)
  writeNewFile(join(folder, CERTIFICATE), encodePem('CERTIFICATE', certificate.der), 0o644)
  writeNewFile(join(folder, 'MOVE-OFFLINE.txt'), NOTICE, 0o644)
  return { id, certificate, signer }
}

/** The key comes first, and the certificate after it: without that nobody has ever seen anything that the key signed. */
function refuseTakenFolder(folder: string): void {
  if (!existsSync(join(folder, KEY))) return
  throw new CaError(
    'conflict',
    existsSync(join(folder, CERTIFICATE))
      ? `${folder} holds a root already. Name another folder.`
      : `${folder} holds the key of a root without ${CERTIFICATE}. Put that back; or, where it was never made because this was interrupted, remove the folder, then try again.`,
  )
}

/** Opens the folder that `createRoot` wrote. The hash to sign with is the one that the root signed itself with. */
export async function openRoot(folder: string, passphrase: string): Promise<OpenRoot> {
  const keyFile = join(folder, KEY)
  await checkKeyFileMode(keyFile)
  const pem = await readFile(join(folder, CERTIFICATE), 'utf8')
  const certificate = parseCertificate(decodePem(pem, 'root certificate')[0]!.der, 'badConfiguration')
  const key = await decryptPkcs8(await readFile(keyFile, 'utf8'), passphrase)
  const algorithm = SIGNATURE_ALGORITHMS.find(({ oid }) => oid === certificate.signatureAlgorithm.oid)
  const signer = createKeySigner(key, algorithm?.hash ?? null)
  if (!signer.spki.equals(certificate.spki)) {
    throw new CaError(
      'badConfiguration',
      `The key in ${folder} does not belong to the root certificate beside it.`,
    )
  }
  const idFile = join(folder, ID)
  const id = existsSync(idFile) ? (await readFile(idFile, 'utf8')).trim() : 'root'
  return { id, certificate, signer }
}

/** Encrypts the root's key under another passphrase: the file holds the one or the other, whatever comes in between. */
export async function changeRootPassphrase(folder: string, old: string, next: string): Promise<void> {
  // Proves that the key opens, and that it is the certificate's.
  await openRoot(folder, old)
  const file = join(folder, KEY)
  const pem = await encryptPkcs8(await decryptPkcs8(await readFile(file, 'utf8'), old), next)
  await writeFile(`${file}.new`, pem, { mode: 0o600, flush: true })
  await rename(`${file}.new`, file)
  syncDirectory(folder)
}

/** The root's CRL: made by hand and rarely, so it names the day by which the next one is due. Seconds since 1970. */
export async function makeRootCrl(
  root: OpenRoot,
  number: number,
  entries: Buffer,
  nextUpdate: number,
  now: Date,
): Promise<Buffer> {
  const tbs = encodeCrlTbs({
    signature: root.signer.algorithm,
    issuer: root.certificate.subject,
    thisUpdate: epochSeconds(now),
    nextUpdate,
    entries,
    authorityKeyIdentifier: root.certificate.subjectKeyIdentifier!,
    number,
  })
  return assembleSigned(tbs, root.signer.algorithm, await root.signer.sign(tbs))
}
