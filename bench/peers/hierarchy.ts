import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { tool } from '../tools.ts'

const run = promisify(execFile)

/** Paths of PEM files. The intermediate signs. */
export interface Hierarchy {
  readonly root: string
  readonly intermediate: string
  readonly intermediateKey: string
}

/** A root and an intermediate with P-256 keys, as Chancery's own are, for a server that is given files. */
export async function makeHierarchy(directory: string): Promise<Hierarchy> {
  const root = await selfSigned(directory, 'root', '/CN=Bench Root')
  const intermediate = await selfSigned(
    ...([directory, 'intermediate', '/CN=Bench Intermediate'] as const),
    ...['-CA', root.certificate, '-CAkey', root.key],
    ...['-addext', 'basicConstraints=critical,CA:TRUE,pathlen:0', '-addext', 'keyUsage=keyCertSign,cRLSign'],
  )
  return {
    root: root.certificate,
    intermediate: intermediate.certificate,
    intermediateKey: intermediate.key,
  }
}

/** A file with a P-256 key and its certificate for localhost, and the text of that certificate, for clients to trust. */
export async function makeIdentity(directory: string): Promise<{ pemFile: string; ca: string }> {
  const names = ['-addext', 'subjectAltName=DNS:localhost']
  const { certificate, key } = await selfSigned(directory, 'localhost', '/CN=localhost', ...names)
  const [ca, secret] = [await readFile(certificate, 'utf8'), await readFile(key, 'utf8')]
  const pemFile = join(directory, 'localhost-identity.pem')
  await writeFile(pemFile, secret + ca)
  return { pemFile, ca }
}

async function selfSigned(directory: string, name: string, subject: string, ...more: string[]) {
  const files = { certificate: join(directory, `${name}.pem`), key: join(directory, `${name}.key`) }
  await run(tool('openssl'), [
    ...['req', '-x509', '-days', '3650', '-subj', subject, '-out', files.certificate, '-keyout', files.key],
    ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', ...more],
  ])
  return files
}
