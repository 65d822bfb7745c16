import { access, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hashSecret, newSecret } from '../../auth/secrets.ts'
import { type Clock, epochSeconds } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import { encodePem } from '../../pki/pem.ts'
import { createDatabase, openStore } from '../../store/open.ts'
import type { Store } from '../../store/store.ts'
import { auditEntry, SYSTEM_ORIGIN } from '../audit.ts'
import { fingerprint } from '../authorities.ts'
import type { PublicUrls } from '../certificate-template.ts'
import { makeIntermediateCertificate } from './ca-certificate.ts'
import { installAuthority } from './install.ts'
import { createAuthority, type NewAuthority } from './new-authority.ts'
import { createRoot, makeRootCrl, type RootWish } from './root.ts'

export interface Initialisation {
  readonly directory: string
  readonly clock: Clock
  /** Encrypts the intermediate's key; the service needs it at each start. */
  readonly passphrase: string
  readonly intermediate: NewAuthority & { /** Seconds. */ readonly validity: number }
  /** Null: the root is elsewhere, and only a key and a CSR are made. */
  readonly root: (RootWish & { readonly passphrase: string }) | null
  /** Goes into the intermediate's certificate, for the root's CRL; null if not known yet. */
  readonly urls: PublicUrls | null
}

export interface Initialised {
  readonly directory: string
  readonly adminKeyFile: string
  /** Lower-case hexadecimal SHA-256; null with an external root. */
  readonly rootFingerprint: string | null
  /** To be moved offline; null with an external root. */
  readonly rootFolder: string | null
  /** PEM, to be signed elsewhere; null where the root was made here. */
  readonly csr: string | null
}

export const DATABASE = 'chancery.db'
export const ADMIN_KEY = 'admin.key'
const ROOT_FOLDER = 'root-offline'
const STAGING = '.initialising'

export async function isInitialised(directory: string): Promise<boolean> {
  return access(join(directory, DATABASE)).then(
    () => true,
    () => false,
  )
}

/**
 * Makes the hierarchy, the database and the first admin key. All of it is made in a staging folder and moved into
 * place at the end, the database last: an interrupted run leaves nothing that a later start could take for a CA.
 */
export async function initialise(wish: Initialisation): Promise<Initialised> {
  const { directory, clock } = wish
  await refuseLeftovers(directory)
  const staging = join(directory, STAGING)
  await rm(staging, { recursive: true, force: true })
  await mkdir(staging, { recursive: true, mode: 0o700 })

  const adminKey = newSecret('adminKey')
  await writeFile(join(staging, ADMIN_KEY), `${adminKey}\n`, { mode: 0o600, flag: 'wx', flush: true })
  createDatabase(join(staging, DATABASE))
  const store = await openStore({ file: join(staging, DATABASE) })
  let made: { root: Buffer | null; csr: Buffer }
  try {
    await store.write('createAdminKey', {
      name: 'default',
      hash: hashSecret(adminKey),
      createdAt: epochSeconds(clock()),
      audit: systemAudit('admin-key.create', 'default', clock()),
    })
    made = await makeHierarchy(wish, staging, store)
  } finally {
    await store.close()
  }
  if (made.root)
    await writeFile(join(staging, 'root.pem'), encodePem('CERTIFICATE', made.root), { flush: true })
  await publish(staging, directory)
  return {
    directory,
    adminKeyFile: join(directory, ADMIN_KEY),
    rootFingerprint: made.root ? fingerprint(made.root) : null,
    rootFolder: made.root ? join(directory, ROOT_FOLDER) : null,
    csr: made.root ? null : encodePem('CERTIFICATE REQUEST', made.csr),
  }
}

async function makeHierarchy(
  wish: Initialisation,
  staging: string,
  store: Store,
): Promise<{ root: Buffer | null; csr: Buffer }> {
  const { intermediate, clock } = wish
  const place = { store, directory: staging, passphrase: wish.passphrase }
  const created = await createAuthority(
    intermediate,
    place,
    systemAudit('authority.create', intermediate.id, clock()),
  )
  if (!wish.root) return { root: null, csr: created.csr }

  const root = await createRoot(join(staging, ROOT_FOLDER), wish.root, wish.root.passphrase, clock())
  const certificate = await makeIntermediateCertificate(
    { ...intermediate, ...created, urls: wish.urls },
    root.certificate,
    'root',
    root.signer,
    clock(),
  )
  const chain = [certificate.der, root.certificate.der]
  await installAuthority(
    store,
    intermediate.id,
    chain,
    clock(),
    systemAudit('authority.install', intermediate.id, clock()),
  )
  // The root is offline from here on, so its first CRL must last as long as what it speaks of.
  const der = await makeRootCrl(root, 1, Buffer.alloc(0), certificate.notAfter, clock())
  await store.write('recordCrl', {
    authority: 'root',
    number: 1,
    thisUpdate: epochSeconds(clock()),
    nextUpdate: certificate.notAfter,
    der,
    entries: 0,
  })
  return { root: root.certificate.der, csr: created.csr }
}

/** Keys without a database are what is left of a lost one: they must not be taken for a fresh start. */
async function refuseLeftovers(directory: string): Promise<void> {
  if (await isInitialised(directory)) {
    throw new CaError(
      'conflict',
      `${directory} holds a CA already. Choose another directory, or start the service with it.`,
    )
  }
  const found = await readdir(directory).catch(() => [] as string[])
  const leftovers = found.filter((name) => ['keys', ADMIN_KEY, ROOT_FOLDER].includes(name))
  if (leftovers.length > 0) {
    throw new CaError(
      'conflict',
      `${directory} has ${leftovers.join(', ')} but no ${DATABASE}. Restore the database from a backup, or, if there never was one, move these away.`,
    )
  }
}

async function publish(staging: string, directory: string): Promise<void> {
  const entries = await readdir(staging)
  const ordered = entries.filter((name) => !name.startsWith(DATABASE)).concat(DATABASE)
  for (const name of ordered) await rename(join(staging, name), join(directory, name))
  await rm(staging, { recursive: true, force: true })
}

function systemAudit(action: string, target: string, now: Date) {
  return auditEntry(action, 'ok', target, { id: 'system:init' }, SYSTEM_ORIGIN, now)
}
