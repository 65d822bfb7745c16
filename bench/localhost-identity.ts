import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { subjectAltName } from '../src/pki/certificate/extensions.ts'
import { encodeCsr } from '../src/pki/csr/encode.ts'
import { encodeName } from '../src/pki/distinguished-name.ts'
import { drive } from './load.ts'
import type { RunningService } from './processes.ts'

/** A PEM file with a key and its certificate for localhost, so that another server does the same handshakes. */
export async function localhostIdentity(service: RunningService): Promise<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const extensions = [subjectAltName([{ type: 'dns', value: 'localhost' }], true)]
  const body = encodeCsr({ key: privateKey, subject: encodeName([]), extensions })
  const headers = {
    authorization: `Bearer ${service.adminKey}`,
    'content-type': 'application/pkcs10',
    accept: 'application/pem-certificate-chain',
  }
  const target = { port: service.port, ca: service.root }
  const { bodies } = await drive(target, [{ path: '/v1/certificates', headers, body }], 1)
  const file = join(service.directory, 'localhost.pem')
  await writeFile(file, [privateKey.export({ type: 'pkcs8', format: 'pem' }), bodies[0]!].join(''))
  return file
}
