import { colonHex, facts } from './layout.ts'

export interface Running {
  readonly tlsUrl: string
  readonly httpUrl: string
  /** SHA-256, lower-case hexadecimal. */
  readonly rootFingerprint: string
  /** Where the key lies; the key itself is never printed. */
  readonly adminKeyFile: string
}

/** What a person needs after the start: where the service is, and one line to paste for a first certificate. */
export function banner(running: Running, variables: Readonly<Record<string, string>>): string {
  const lines = facts([
    ['Enrolment and administration', running.tlsUrl],
    ['OCSP, CRLs, trust bundles', running.httpUrl],
    ['Root SHA-256', colonHex(running.rootFingerprint)],
    ['Admin key', running.adminKeyFile],
  ])
  const settings = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)} `)
  const command = `${settings.join('')}npx chancery cert request --name web.example.test --out ./web`
  return `Chancery is ready.\n\n${lines}\nA first certificate:\n\n  ${command}\n\n`
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
