import fc from 'fast-check'
import { expect } from 'vitest'
import { certId, nonce, ocspRequest } from '../ocsp/ocsp-request.ts'
import { expectStatus } from './agreement.ts'
import { hasCertificates, step, WHICH } from './step.ts'

/** Over HTTP; by another hash it is another answer in the cache, and with a nonce none that any cache holds. */
const askOcsp = fc
  .record({ index: WHICH, hash: fc.constantFrom('sha1', 'sha256'), fresh: fc.boolean() })
  .map(({ index, hash, fresh }) =>
    step({
      name: `askOcsp(${index}, ${hash}${fresh ? ', with a nonce' : ''})`,
      possible: hasCertificates,
      async act(model, { ca }) {
        const certificate = model.at(index)
        const { certificate: issuer } = ca.service.authorities.issuing()
        const body = ocspRequest([certId(issuer, certificate.serialNumber, hash)], fresh ? [nonce(16)] : [])
        const headers = { 'content-type': 'application/ocsp-request' }
        const answer = await ca.call('/ocsp', { as: null, method: 'POST', headers, body }, ca.http)
        expect(expectStatus(ca, answer.body, certificate) !== null).toBe(fresh)
      },
    }),
  )

const fetchStaple = WHICH.map((index) =>
  step({
    name: `fetchStaple(${index})`,
    possible: hasCertificates,
    async act(model, { ca }) {
      const certificate = model.at(index)
      const { status, body, text } = await ca.call(`/v1/certificates/${certificate.serialNumber}/ocsp`)
      expect(status, text).toBe(200)
      expectStatus(ca, body, certificate)
    },
  }),
)

export const questions = [askOcsp, fetchStaple]
