import fc from 'fast-check'
import { expect } from 'vitest'
import { DAY, expectProblem } from '../api/ca-fixture.ts'
import { csrPem } from '../api/requests.ts'
import { hasCertificates, step, WAITING_PROFILE, WHICH } from './step.ts'

const HOST = fc.constantFrom('a.x', 'b.x', 'a.y')
const PROFILE = fc.constantFrom('server', 'client', 'peer', 'spiffe', 'short-lived')

function nameFor(profile: string, host: string): { text: string; wanted: Record<string, string[]> } {
  const value = profile === 'spiffe' ? `spiffe://example.test/${host}` : `${host}.example.test`
  const type = profile === 'spiffe' ? 'uri' : 'dns'
  return { text: `${type}:${value}`, wanted: { [type]: [value] } }
}

/** By an admin or by a token for just that; each under an idempotency key of its own. */
const enrol = fc
  .record({ profile: PROFILE, host: HOST, byToken: fc.boolean() })
  .map(({ profile, host, byToken }) =>
    step({
      name: `enrol(${profile}, ${host}${byToken ? ', by token' : ''})`,
      async act(model, { ca }) {
        const { text, wanted } = nameFor(profile, host)
        const made = byToken ? await ca.token({ profile, names: wanted, ttl: '7d' }) : null
        const token = made && { secret: made.token, end: ca.seconds + DAY }
        const body = { csr: csrPem([text]), profile }
        const idempotencyKey = `enrolment-${model.enrolments.length}`
        const call = {
          headers: { 'idempotency-key': idempotencyKey },
          ...(token ? { as: token.secret } : {}),
        }
        const view = await ca.enrol(body.csr, { profile }, call)
        model.acknowledge(view, [text])
        const { serialNumber } = view
        const names = [text]
        model.enrolments.push({ serialNumber, issuedAt: ca.seconds, names, idempotencyKey, body, token })
        if (!token) return
        const again = { as: token.secret, body: { csr: csrPem([text]), profile } }
        expect((await ca.call('/v1/certificates', again)).status).toBeGreaterThanOrEqual(400)
      },
    }),
  )

/** Seconds, after the certificate that it gave; later it is that of a new request. */
const KEY_LIFE = 30 * DAY

/** A client that did not hear the answer. */
const enrolAgain = WHICH.map((index) =>
  step({
    name: `enrolAgain(${index})`,
    possible: ({ enrolments }) => enrolments.length > 0,
    async act(model, { ca }) {
      const enrolment = model.enrolments[index % model.enrolments.length]!
      const { body, names, serialNumber, issuedAt, idempotencyKey, token } = enrolment
      const answer = await ca.call('/v1/certificates', {
        body,
        headers: { 'idempotency-key': idempotencyKey },
        ...(token ? { as: token.secret } : {}),
      })
      if (token && token.end <= ca.seconds) return expectProblem(answer, 401, 'unauthenticated')
      const counts = ca.seconds <= issuedAt + KEY_LIFE
      // The key may have been removed before the clock was set back.
      const isKept = model.latest <= issuedAt + KEY_LIFE
      if (token && !isKept && answer.status >= 400) return
      expect(answer.status, answer.text).toBe(201)
      if (isKept) expect(answer.json.serialNumber).toBe(serialNumber)
      if (!counts) expect(answer.json.serialNumber).not.toBe(serialNumber)
      if (answer.json.serialNumber === serialNumber) return
      model.acknowledge(answer.json, names)
      Object.assign(enrolment, { serialNumber: answer.json.serialNumber, issuedAt: ca.seconds })
    },
  }),
)

const renew = fc.record({ index: WHICH, byToken: fc.boolean() }).map(({ index, byToken }) =>
  step({
    name: `renew(${index}${byToken ? ', by token' : ''})`,
    possible: hasCertificates,
    async act(model, { ca }) {
      const { serialNumber, profile, names, notAfter, revocation } = model.at(index)
      const [, type, value] = /^(\w+):(.*)$/.exec(names[0]!)!
      const call = {
        body: { csr: csrPem(names) },
        ...(byToken ? { as: (await ca.token({ profile, names: { [type!]: [value!] } })).token } : {}),
      }
      const answer = await ca.call(`/v1/certificates/${serialNumber}/renew`, call)
      if (revocation) return expectProblem(answer, 403, 'certificateRevoked')
      if (notAfter < ca.seconds) return expectProblem(answer, 403, 'certificateExpired')
      if (byToken && profile === WAITING_PROFILE) {
        expect(answer.status, answer.text).toBe(202)
        const { id, expiresAt } = answer.json
        const waits = { expiresAt: Date.parse(expiresAt) / 1000, replaces: serialNumber, isDecided: false }
        model.requests.push({ id, ...waits })
        return
      }
      expect(answer.status, answer.text).toBe(201)
      expect(answer.json.replaces).toBe(serialNumber)
      model.acknowledge(answer.json, names)
    },
  }),
)

export const issuance = [enrol, enrol, enrolAgain, renew]
