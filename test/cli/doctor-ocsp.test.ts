import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { createKeySigner } from '../../src/ca/key-signer.ts'
import { lookAsRelyingParty } from '../../src/cli/doctor/relying-party.ts'
import { Client } from '../../src/client/client.ts'
import { loadConfig } from '../../src/config/load.ts'
import { parseOcspRequest } from '../../src/ocsp/request.ts'
import type { CertStatus } from '../../src/ocsp/response.ts'
import { signResponse } from '../../src/ocsp/sign-response.ts'
import { authorityInformationAccess, basicConstraints } from '../../src/pki/certificate/extensions.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { encodeTbs } from '../../src/pki/certificate/tbs.ts'
import { REASON } from '../../src/pki/crl/reasons.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import { signatureAlgorithm } from '../../src/pki/keys/algorithms.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { makeRoot, NOT_AFTER, NOT_BEFORE, newKeyPair, signTbs, spkiOf } from '../pki/certificate/sample.ts'

const now = NOT_BEFORE + 86_400

/** What doctor finds of an authority in this state, of which the responder of its root says this. */
async function found(state: 'active' | 'retired', status: CertStatus) {
  const keys = newKeyPair()
  const root = parseCertificate(makeRoot(keys))
  const signer = createKeySigner(keys.privateKey, null)
  const server = createServer(async (request, response) => {
    const asked = await buffer(request)
    const wish = { request: parseOcspRequest(asked), statuses: [status], now, authorityEnd: NOT_AFTER }
    const options = { validity: 3600, responderId: 'key' } as const
    const { der } = await signResponse(
      { signer, certificate: root, isDelegated: false },
      { ...wish, options },
    )
    response.end(der)
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const tbs = encodeTbs({
    ...{ serialNumber: '4f03', signature: signatureAlgorithm('ec', 'sha256'), issuer: root.subject },
    ...{
      subject: encodeName([{ type: 'CN', value: 'Between' }]),
      notBefore: NOT_BEFORE,
      notAfter: NOT_AFTER,
    },
    spki: spkiOf(newKeyPair().publicKey),
    extensions: [basicConstraints({ ca: true }), authorityInformationAccess({ ocsp: [url], caIssuers: [] })],
  })
  const certificate = parseCertificate(signTbs(tbs, signatureAlgorithm('ec', 'sha256'), keys.privateKey))
  const [finding] = await lookAsRelyingParty({
    ...{ directory: '/nowhere', passphrase: null, now, config: loadConfig({}).config },
    client: new Client(
      { url: new URL('https://localhost:1'), roots: encodePem('CERTIFICATE', root.der) },
      {},
    ),
    authorities: [
      {
        ...{ id: 'between', role: 'intermediate', state, isDefault: false, answers: true },
        ...{ certificate, chain: [root.der] },
      },
    ],
  })
  return finding
}

const REVOKED: CertStatus = { revokedAt: NOT_BEFORE, reason: REASON.superseded }

test.each([
  ['active', 'good', 'good', 'ok'],
  ['active', 'revoked', REVOKED, 'failed'],
  ['retired', 'revoked', REVOKED, 'warning'],
  ['active', 'unknown', 'unknown', 'failed'],
  ['retired', 'unknown', 'unknown', 'failed'],
] as const)(
  'an authority that is %s, and %s to the responder above it',
  async (state, word, status, verdict) => {
    expect(await found(state, status)).toMatchObject({
      ...{ area: 'ocsp', verdict },
      what: expect.stringContaining(`says of the certificate of "between": ${word}`),
    })
  },
)
