import fc from 'fast-check'
import { expect } from 'vitest'
import { csrPem } from '../api/requests.ts'
import { step, WAITING_PROFILE, WHICH } from './step.ts'

const NAME = 'waits.x.example.test'

const ask = fc.constant(
  step({
    name: 'ask',
    async act({ requests }, { ca }) {
      const { token } = await ca.token({ profile: WAITING_PROFILE, names: { dns: [NAME] }, ttl: '30d' })
      const answer = await ca.call('/v1/certificates', { as: token, body: { csr: csrPem([`dns:${NAME}`]) } })
      expect(answer.status, answer.text).toBe(202)
      const { id, expiresAt } = answer.json
      requests.push({ id, expiresAt: Date.parse(expiresAt) / 1000, replaces: null, isDecided: false })
    },
  }),
)

/** Also what was decided before or has expired, which issues nothing more. */
const approve = WHICH.map((index) =>
  step({
    name: `approve(${index})`,
    possible: ({ requests }) => requests.length > 0,
    async act(model, { ca }) {
      const request = model.requests[index % model.requests.length]!
      const { status, text, json } = await ca.call(`/v1/requests/${request.id}/approve`, { method: 'POST' })
      const old = model.certificates.find(({ serialNumber }) => serialNumber === request.replaces)
      const isRenewable = !old || (old.revocation === null && ca.seconds <= old.notAfter)
      const isOpen = !request.isDecided && ca.seconds < request.expiresAt && isRenewable
      // One that had expired, before the clock was set back, may be forgotten.
      if (isOpen && model.latest < request.expiresAt) expect(status, text).toBe(201)
      if (status !== 201) return expect(isRenewable ? [404, 409] : [403, 404, 409], text).toContain(status)
      expect(isOpen).toBe(true)
      request.isDecided = true
      model.acknowledge(json, [`dns:${NAME}`])
    },
  }),
)

const refuse = WHICH.map((index) =>
  step({
    name: `refuse(${index})`,
    possible: ({ requests }) => requests.length > 0,
    async act({ requests }, { ca }) {
      const request = requests[index % requests.length]!
      const body = { reason: 'Nobody knows this device.' }
      const { status } = await ca.call(`/v1/requests/${request.id}/refuse`, { body })
      if (request.isDecided) expect([404, 409]).toContain(status)
      if (status === 200) request.isDecided = true
    },
  }),
)

export const approval = [ask, approve, refuse]
