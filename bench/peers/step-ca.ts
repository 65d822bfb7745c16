import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../test/free-port.ts'
import { startPeer } from '../processes.ts'
import { tool } from '../tools.ts'
import { makeHierarchy } from './hierarchy.ts'
import { type Csr, type Issuer, pemOf } from './issuer.ts'

const PROVISIONER = 'bench'
/** Of a token. Seconds: those of a whole run are made beforehand. */
const VALIDITY = 3600

/** smallstep's CA with badger, which syncs each write: JSON over TLS, a JWT for each certificate, used once. */
export const stepCa: Issuer = { what: 'step-ca, badger', prepare: () => prepareStepCa() }

/** `flags` of the command line, beside those that it always has. Its ACME directory is /acme/acme/directory. */
export async function prepareStepCa(flags: readonly string[] = []) {
  const command = tool('step-ca')
  const directory = await mkdtemp(join(tmpdir(), 'chancery-bench-step-ca-'))
  const { root, intermediate, intermediateKey } = await makeHierarchy(directory)
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = { ...publicKey.export({ format: 'jwk' }), kid: PROVISIONER, use: 'sig', alg: 'ES256' }
  const port = await freePort()
  const config = {
    ...{ root, crt: intermediate, key: intermediateKey },
    ...{ address: `127.0.0.1:${port}`, dnsNames: ['localhost'] },
    db: { type: 'badgerv2', dataSource: join(directory, 'db') },
    authority: {
      provisioners: [
        { type: 'JWK', name: PROVISIONER, key },
        { type: 'ACME', name: 'acme' },
      ],
    },
  }
  const file = join(directory, 'ca.json')
  await writeFile(file, JSON.stringify(config))
  const target = { port, ca: await readFile(root, 'utf8') }
  const requests = async (csrs: readonly Csr[]) =>
    csrs.map((csr) => ({
      path: '/1.0/sign',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ csr: pemOf(csr), ott: newToken(privateKey, csr.name, port) })),
    }))
  const launch = async () => ({
    ...(await startPeer(command, [file, ...flags], port)),
    ...{ target, status: 201, requests },
  })
  return { directory, launch }
}

/** As `step ca token` makes them. One that is older than the server is refused, and its clock counts whole seconds. */
function newToken(key: KeyObject, name: string, port: number): string {
  const now = Math.ceil(Date.now() / 1000)
  const claims = {
    ...{ iss: PROVISIONER, aud: `https://localhost:${port}/1.0/sign`, sub: name, sans: [name] },
    ...{ jti: randomUUID(), iat: now, nbf: now - 60, exp: now + VALIDITY },
  }
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const signed = `${encode({ alg: 'ES256', kid: PROVISIONER, typ: 'JWT' })}.${encode(claims)}`
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${signature.toString('base64url')}`
}
