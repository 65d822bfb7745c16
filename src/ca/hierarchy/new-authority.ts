import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CaError } from '../../errors.ts'
import type { NameConstraints } from '../../pki/certificate/extensions.ts'
import { encodeCsr } from '../../pki/csr/encode.ts'
import { encodeName, type NameAttribute } from '../../pki/distinguished-name.ts'
import { defaultHash, type HashName, type KeyType } from '../../pki/keys/algorithms.ts'
import { generateKey } from '../../pki/keys/generate.ts'
import { spkiOf } from '../../pki/keys/public-key.ts'
import type { AuthorityRecord } from '../../store/authority-commands.ts'
import type { AuditEntry } from '../../store/commands.ts'
import { isInDoubt } from '../../store/doubt.ts'
import type { AuthorityRow } from '../../store/queries.ts'
import type { Store } from '../../store/store.ts'
import { writeKeyFile } from '../key-file.ts'
import { caExtensions } from './ca-certificate.ts'
import { refuseNamesake } from './namesake.ts'

/** Key types that may sign for an authority. */
export const AUTHORITY_KEY_TYPES: readonly KeyType[] = [
  'P-256',
  'P-384',
  'P-521',
  'RSA-3072',
  'RSA-4096',
  'Ed25519',
]

/** Bundles of their own, what Envoy calls the certificate of whoever asks, and the first root: what that signs names its CRL by this id. */
const TAKEN_IDS: readonly string[] = ['root', 'roots', 'chain', 'cross', 'self']

export interface NewAuthority {
  /** Stands in URLs: "issuing-2026". */
  readonly id: string
  readonly keyType: KeyType
  /** The hash to sign with; null for the one that fits the key. */
  readonly hash: HashName | null
  readonly subject: readonly NameAttribute[]
  readonly pathLength: number | undefined
  readonly nameConstraints: NameConstraints | null
  /** The id of the issuing authority whose place it is to take; absent: of none. */
  readonly replaces?: string | undefined
}

/** Makes the key of a new issuing authority and a CSR for it; it issues once its signed certificate is installed. */
export async function createAuthority(
  wish: NewAuthority,
  place: { store: Store; directory: string; passphrase: string },
  audit: AuditEntry,
): Promise<{ csr: Buffer; spki: Buffer; subject: Buffer }> {
  const hash = checkWish(wish)
  const known = await place.store.read.authorities()
  if (known.some((row) => row.id === wish.id))
    throw new CaError('conflict', `There is an authority "${wish.id}" already.`)

  const subject = encodeName(wish.subject)
  if (wish.replaces !== undefined) checkReplaced(wish.replaces, known)
  const key = await generateKey(wish.keyType)
  const spki = spkiOf(key)
  refuseNamesake({ subject, spki }, known, new Date(audit.at))
  const csr = encodeCsr({ key, subject, extensions: caExtensions({ ...wish, spki }) })
  const keyFile = join('keys', `${wish.id}.key.pem`)
  await writeKeyFile(join(place.directory, keyFile), key, place.passphrase)
  await record(place, {
    id: wish.id,
    role: 'issuing',
    state: 'pending',
    isDefault: false,
    certificate: null,
    chain: [],
    csr,
    keyFile,
    hash,
    createdAt: Math.floor(audit.at / 1000),
    replaces: wish.replaces ?? null,
    audit,
  })
  return { csr, spki, subject }
}

/** A key that no record names is of no use, and would stand in the way of the next attempt. */
async function record(
  { store, directory }: { store: Store; directory: string },
  authority: AuthorityRecord & { keyFile: string },
): Promise<void> {
  try {
    await store.write('recordAuthority', authority)
  } catch (error) {
    const forget = async () => {
      const known = await store.read.authorities().catch(() => null)
      if (known && !known.some(({ keyFile }) => keyFile === authority.keyFile))
        await rm(join(directory, authority.keyFile), { force: true })
    }
    // The writer may have recorded it all the same, or may when the disk goes on: then the key must stay.
    if (isInDoubt(error)) onceResumed(store, forget)
    else await forget()
    throw error
  }
}

function onceResumed(store: Store, decide: () => Promise<void>): void {
  let isDecided = false
  store.onResumed(() => {
    if (isDecided) return
    isDecided = true
    // A key that stays does no harm: the next attempt names it.
    decide().catch(() => {})
  })
}

function checkReplaced(id: string, known: readonly AuthorityRow[]): void {
  const replaced = known.find((row) => row.id === id && row.role === 'issuing')
  if (!replaced?.certificate)
    throw new CaError('unknownAuthority', `There is no issuing authority "${id}" that could be replaced.`)
}

function checkWish({ id, keyType, hash, subject }: NewAuthority): HashName | null {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(id)) {
    throw new CaError(
      'badConfiguration',
      `"${id}" cannot stand in a URL: use lower-case letters, digits and hyphens, at most 63.`,
    )
  }
  if (TAKEN_IDS.includes(id)) {
    throw new CaError(
      'badConfiguration',
      `"${id}" cannot be the id of an authority: ${TAKEN_IDS.join(', ')} mean something else among authorities, bundles and secrets.`,
    )
  }
  if (!AUTHORITY_KEY_TYPES.includes(keyType)) {
    throw new CaError(
      'badConfiguration',
      `An authority cannot have a ${keyType} key. Use one of: ${AUTHORITY_KEY_TYPES.join(', ')}.`,
    )
  }
  // Relying parties chain by subject, and RFC 5280 4.1.2.6 wants it for a CA.
  if (subject.length === 0)
    throw new CaError('badConfiguration', 'An authority needs a subject, such as "CN=Example Issuing CA".')
  if (keyType === 'Ed25519') {
    if (hash) throw new CaError('badConfiguration', 'Ed25519 hashes by itself: leave the hash out.')
    return null
  }
  return hash ?? defaultHash(keyType)
}
