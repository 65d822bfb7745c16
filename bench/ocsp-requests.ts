import { encodeCertId } from '../src/ocsp/cert-id.ts'
import { parseOcspResponse } from '../src/ocsp/parse-response.ts'
import { parseCertificate } from '../src/pki/certificate/parse.ts'
import { decodePem } from '../src/pki/pem.ts'
import { ocspRequest } from '../test/ocsp/ocsp-request.ts'
import { drive, type Post } from './load.ts'
import { newCsrs } from './peers/issuer.ts'
import type { RunningService } from './processes.ts'

/** New certificates of the service, and an OCSPRequest for each. */
export async function requestsOfNew(service: RunningService, certificates: number): Promise<Buffer[]> {
  const headers = {
    authorization: `Bearer ${service.adminKey}`,
    'content-type': 'application/pkcs10',
  }
  const posts = newCsrs(certificates).map(({ der }) => ({ path: '/v1/certificates', headers, body: der }))
  const { bodies } = await drive({ port: service.port, ca: service.root }, posts, 8)
  return bodies.map((body) => {
    const { serialNumber, chain } = JSON.parse(body.toString()) as { serialNumber: string; chain: [string] }
    const issuer = parseCertificate(decodePem(chain[0], 'the issuer')[0]!.der)
    return ocspRequest([encodeCertId(issuer, serialNumber, 'sha1')])
  })
}

/** As clients send them (RFC 6960 A.1), below the responder's path, which ends with a slash. */
export function asGet(request: Buffer, path: string): Post {
  return {
    method: 'GET',
    path: path + encodeURIComponent(request.toString('base64')),
    headers: {},
    body: Buffer.alloc(0),
  }
}

export function asPost(request: Buffer, path: string): Post {
  return { path, headers: { 'content-type': 'application/ocsp-request' }, body: request }
}

/** The answers to all of them: each says that a certificate is good, or this throws. */
export async function answersTo(port: number, posts: readonly Post[]): Promise<readonly Buffer[]> {
  const { bodies } = await drive({ port, ca: null }, posts, 8, 200)
  for (const body of bodies) {
    const [{ status } = { status: undefined }] = parseOcspResponse(body).responses
    if (status !== 'good') throw new Error(`a certificate is said to be ${JSON.stringify(status)}`)
  }
  return bodies
}
