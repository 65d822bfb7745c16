import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createAdminKey } from '../../auth/admin-keys.ts'
import { type Clock, epochSeconds } from '../../clock.ts'
import { dataFiles } from '../../config/data-directory.ts'
import { writeNewFile } from '../../durable-files.ts'
import { fingerprint } from '../../pki/certificate/fingerprint.ts'
import { prepareEncryption } from '../../pki/keys/pkcs8.ts'
import { encodePem } from '../../pki/pem.ts'
import { createDatabase, openStore } from '../../store/open.ts'
import type { Store } from '../../store/store.ts'
import { auditEntry, SYSTEM_ORIGIN } from '../audit.ts'
import type { PublicUrls } from '../certificate-template.ts'
import { makeIntermediateCertificate } from './ca-certificate.ts'
import { installAuthority } from './install.ts'
import { createAuthority, type NewAuthority } from './new-authority.ts'
import { createRoot, makeRootCrl, type RootWish } from './root.ts'
import { makeInStaging } from './staging.ts'

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
  /** What `chancery.yaml` is to be, where there is none yet: a service that started without it would go on otherwise. */
  readonly options?: string | null
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

const ROOT_FOLDER = 'root-offline'

/** Makes the hierarchy, the database and the first admin key. "conflict" where there is a CA, or one is being made. */
export async function initialise(wish: Initialisation): Promise<Initialised> {
  const { directory } = wish
  // Before anything is awaited: it takes longest, and in other threads.
  prepareEncryption(wish.passphrase)
  if (wish.root) prepareEncryption(wish.root.passphrase)
  const made = await makeInStaging(directory, (staging) => makeAll(wish, staging))
  return {
    directory,
    adminKeyFile: dataFiles(directory).adminKey,
    rootFingerprint: made.root ? fingerprint(made.root) : null,
    rootFolder: made.root ? join(directory, ROOT_FOLDER) : null,
    csr: made.root ? null : encodePem('CERTIFICATE REQUEST', made.csr),
  }
}

interface Made {
  readonly root: Buffer | null
  readonly csr: Buffer
}

async function makeAll(wish: Initialisation, staging: string): Promise<Made> {
  const files = dataFiles(staging)
  const { clock } = wish
  createDatabase(files.database)
  const store = await openStore({ file: files.database, writesHere: true })
  let made: Made
  try {
    await createAdminKey(
      { name: 'default', role: 'admin', file: files.adminKey },
      systemAudit('admin-key.create', 'default', clock()),
      store,
    )
    made = await makeHierarchy(wish, staging, store)
  } finally {
    await store.close()
  }
  if (made.root) writeNewFile(files.root, encodePem('CERTIFICATE', made.root), 0o644)
  if (wish.options && !existsSync(dataFiles(wish.directory).options))
    writeNewFile(files.options, wish.options, 0o644)
  return made
}

async function makeHierarchy(wish: Initialisation, staging: string, store: Store): Promise<Made> {
  const { intermediate, clock } = wish
  const place = { store, directory: staging, passphrase: wish.passphrase }
  const audit = systemAudit('authority.create', intermediate.id, clock())
  const making = [
    createAuthority(intermediate, place, audit),
    wish.root && createRoot(join(staging, ROOT_FOLDER), wish.root, wish.root.passphrase, clock()),
  ] as const
  // Where one fails, the other must not go on behind its back.
  await Promise.allSettled(making)
  const [created, root] = await Promise.all(making)
  if (!root) return { root: null, csr: created.csr }

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

function systemAudit(action: string, target: string, now: Date) {
  return auditEntry(action, 'ok', target, { id: 'system:init' }, SYSTEM_ORIGIN, now)
}
