import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { TestCa } from '../api/ca-fixture.ts'
import { csrPem } from '../api/requests.ts'
import { readAnswer } from '../ocsp/answer.ts'
import { type CertIdHash, certId, nonce, ocspRequest } from '../ocsp/ocsp-request.ts'
import { missing, run, tool, workFolder } from '../scenario/tools.ts'
import './proxy.ts'

const CASES = ['good', 'revoked', 'never issued', 'wrong issuer hash', 'expired CA'] as const
const METHODS = ['GET', 'POST'] as const
const HASHES: readonly CertIdHash[] = ['sha1', 'sha256']
/** Octets; 0 for none. RFC 9654 2.1: 1 to 128, anything else is malformed. */
const NONCES = [0, 1, 32, 128, 129] as const

interface Answered {
  readonly what: string
  readonly status: string
  readonly file: string
}

/** Who reads the responses: each by a parser of its own. What it prints for a status. */
const READERS = {
  openssl: (file: string) => ['openssl', 'ocsp', '-respin', file, '-noverify', '-resp_text'],
  ocsptool: (file: string) => ['ocsptool', '-j', '--infile', file],
  ocspclnt: (file: string) => ['sh', '-c', `ocspclnt -P -d sql:${dirname(file)} < ${file}`],
} as const
const WORDS: Record<keyof typeof READERS, Record<string, RegExp>> = {
  openssl: {
    good: /Cert Status: good/,
    revoked: /Cert Status: revoked[\s\S]*keyCompromise/,
    unauthorized: /unauthorized/,
    malformedRequest: /malformedrequest/,
  },
  ocsptool: {
    good: /Certificate Status: good/,
    revoked: /Certificate Status: revoked/,
    unauthorized: /Response Status: Unauthorized/i,
    malformedRequest: /Response Status: malformedRequest/i,
  },
  ocspclnt: {
    good: /Cert is good/,
    revoked: /Cert has been revoked/,
    unauthorized: /Response Status: unauthorized/,
    malformedRequest: /Response Status: malformedRequest/,
  },
}

describe('the matrix of requests', () => {
  let ca: TestCa
  let answers: Answered[]
  beforeAll(async () => {
    ca = await TestCa.create({ options: { ocsp: { uncachedRate: 1_000_000 } } })
    answers = await askAll()
  })
  afterAll(() => ca.close())

  async function askAll(): Promise<Answered[]> {
    const folder = workFolder()
    if (!missing('certutil')) await tool(folder, 'certutil', '-N', '-d', `sql:${folder}`, '--empty-password')
    const good = (await ca.enrol(csrPem(['dns:good.example.test']))).serialNumber
    const revoked = (await ca.enrol(csrPem(['dns:revoked.example.test']))).serialNumber
    await ca.call(`/v1/certificates/${revoked}/revoke`, { body: { reason: 'keyCompromise' } })
    const issuer = ca.service.authorities.issuing().certificate
    const stranger = { ...issuer, subject: parseCertificate(issuer.der).issuer }
    const begin = ca.now
    const done: Answered[] = []
    for (const one of CASES) {
      const of = one === 'wrong issuer hash' ? stranger : issuer
      const serial =
        one === 'revoked' ? revoked : one === 'never issued' ? randomBytes(19).toString('hex') : good
      ca.now = one === 'expired CA' ? (issuer.notAfter + 1) * 1000 : begin
      for (const method of METHODS)
        for (const hash of HASHES)
          for (const octets of NONCES) {
            const request = ocspRequest([certId(of, serial, hash)], octets === 0 ? [] : [nonce(octets)])
            const what = `${one}, ${method}, ${hash}, nonce of ${octets}`
            const { status, body } = await ask(method, request)
            expect(status, what).toBe(200)
            const expected =
              octets === 129 ? 'malformedRequest' : one === 'good' || one === 'revoked' ? one : 'unauthorized'
            const read = readAnswer(body, { certificate: issuer })
            expect(read.singles[0]?.status ?? read.status, what).toBe(expected)
            if (read.signed)
              expect(read.nonce?.length ?? 0, what).toBe(octets === 0 ? 0 : nonceLength(octets))
            const file = join(folder, `${done.length}.ocsp`)
            writeFileSync(file, body)
            done.push({ what, status: expected, file })
          }
    }
    return done
  }

  /** The extension's value is an OCTET STRING of its own. */
  const nonceLength = (octets: number) => octets + (octets > 127 ? 3 : 2)

  function ask(method: (typeof METHODS)[number], request: Buffer) {
    if (method === 'GET')
      return ca.call(`/ocsp/${encodeURIComponent(request.toString('base64'))}`, { method, as: null }, ca.http)
    const headers = { 'content-type': 'application/ocsp-request' }
    return ca.call('/ocsp', { method, as: null, headers, body: request }, ca.http)
  }

  test('is answered whole', () => {
    expect(answers).toHaveLength(CASES.length * METHODS.length * HASHES.length * NONCES.length)
  })

  test.each(Object.keys(READERS) as (keyof typeof READERS)[])(
    '%s reads every answer as it was meant',
    async (reader) => {
      if (missing(reader)) return
      for (const { what, status, file } of answers) {
        const [program, ...args] = READERS[reader](file)
        const { stdout, stderr } = await run(program!, args)
        expect(stdout + stderr, what).toMatch(WORDS[reader][status]!)
      }
    },
  )
})
