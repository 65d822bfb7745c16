import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { startChild } from '../processes.ts'
import { tool } from '../tools.ts'

/** A full CRL that somebody else made once. */
export interface PeerCrl {
  readonly milliseconds: number
  /** The most that the process held. MB. */
  readonly memory: number
}

/** Go's crypto/x509, which step-ca, cfssl and OpenBao sign CRLs with: from the entries in memory to the DER. Throws `NotInstalled`. */
export async function goCrl(entries: number): Promise<PeerCrl> {
  const child = startChild(tool('chancery-go-crl'), [String(entries)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output] = await Promise.all([text(child.stdout!), once(child, 'exit')])
  const [milliseconds, memory] = output.trim().split(' ').map(Number)
  return { milliseconds: milliseconds!, memory: memory! }
}

const CONFIGURATION = `[ca]
default_ca = own
[own]
database = index.txt
crlnumber = crlnumber
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_crl_days = 7
crl_extensions = extensions
[extensions]
authorityKeyIdentifier = keyid
`

/** How often the memory of the process is looked at: it is gone once it has ended. Milliseconds. */
const LOOK = 20

/** `openssl ca -gencrl`, all of the command: from its index to the PEM. Throws `NotInstalled`. */
export async function opensslCrl(entries: number): Promise<PeerCrl> {
  const openssl = tool('openssl')
  const folder = await mkdtemp(join(tmpdir(), 'chancery-bench-openssl-'))
  const run = async (args: readonly string[]): Promise<PeerCrl> => {
    const start = performance.now()
    const child = startChild(openssl, [...args], { cwd: folder, stdio: 'ignore' })
    let memory = 0
    const timer = setInterval(() => {
      memory = peakOf(child.pid!) ?? memory
    }, LOOK)
    const [code] = await once(child, 'exit')
    clearInterval(timer)
    if (code !== 0) throw new Error(`openssl ${args.join(' ')} ended with ${code}`)
    return { milliseconds: performance.now() - start, memory }
  }
  try {
    await writeFile(join(folder, 'ca.cnf'), CONFIGURATION)
    await writeFile(join(folder, 'crlnumber'), '01\n')
    await writeFile(join(folder, 'index.txt'), index(entries))
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca.key']
    await run(['req', '-x509', ...key, '-out', 'ca.pem', '-subj', '/CN=Bench', '-days', '365'])
    return await run(['ca', '-config', 'ca.cnf', '-gencrl', '-out', 'list.pem'])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A line for each certificate: state, end, revocation with its reason, serial number, file, subject. */
function index(entries: number): string {
  const lines = Array.from({ length: entries }, (_, i) => {
    const serial = randomBytes(20)
    serial[0] = 0x40 | (serial[0]! & 0x3f)
    const digits = serial.toString('hex').toUpperCase()
    return `R\t351231235959Z\t260101000000Z,superseded\t${digits}\tunknown\t/CN=host-${i}.example.test\n`
  })
  return lines.join('')
}

/** MB; null once it has ended. */
function peakOf(pid: number): number | null {
  try {
    const found = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return found && Number(found[1]) / 1024
  } catch {
    return null
  }
}
