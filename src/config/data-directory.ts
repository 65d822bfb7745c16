import { join } from 'node:path'

/** The files that people and the command line find by name in the data directory. */
export interface DataFiles {
  readonly options: string
  readonly database: string
  /** The generated passphrase of the authorities' keys, mode 0600. */
  readonly passphrase: string
  /** The generated passphrase of the root's key, mode 0600, to be moved offline. */
  readonly rootPassphrase: string
  /** The first admin key, mode 0600. */
  readonly adminKey: string
  /** The root certificate, PEM. */
  readonly root: string
}

export function dataFiles(dir: string): DataFiles {
  return {
    options: join(dir, 'chancery.yaml'),
    database: join(dir, 'chancery.db'),
    passphrase: join(dir, 'passphrase'),
    rootPassphrase: join(dir, 'root-passphrase'),
    adminKey: join(dir, 'admin.key'),
    root: join(dir, 'root.pem'),
  }
}
