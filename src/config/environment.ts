/** The process's environment, or a test's. Only `src/config` reads the real one. */
export type Environment = Readonly<Record<string, string | undefined>>

export function processEnvironment(): Environment {
  return process.env
}

/**
 * The variables that have no counterpart in the file: the file lies in the directory, and secrets do not belong
 * in a file of options. Variables that begin with CHANCERY_ and are not known are left alone, since Kubernetes
 * makes such ones for a Service of that name (CHANCERY_SERVICE_HOST, CHANCERY_PORT).
 */
export const ENVIRONMENT_ONLY = [
  {
    env: 'CHANCERY_DIR',
    default: './data',
    description: 'The data directory: database, keys, `chancery.yaml`.',
  },
  {
    env: 'CHANCERY_PASSPHRASE_FILE',
    default: '',
    description:
      'File with the passphrase of the authorities’ keys, mode 0600. Without any of these three the file `passphrase` in the data directory, which `init` makes.',
  },
  { env: 'CHANCERY_PASSPHRASE', default: '', description: 'The passphrase itself.' },
  {
    env: 'CREDENTIALS_DIRECTORY',
    default: '',
    description:
      'Set by systemd for `LoadCredential=`: the passphrase is read from `chancery-passphrase` there.',
  },
  { env: 'CHANCERY_TOKEN', default: '', description: 'Enrolment token for `chancery cert request`.' },
] as const
