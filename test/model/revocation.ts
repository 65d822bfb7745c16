import fc from 'fast-check'
import { expect } from 'vitest'
import { expectProblem } from '../api/ca-fixture.ts'
import { agree } from './agreement.ts'
import type { Held } from './model.ts'
import { hasCertificates, step, WHICH } from './step.ts'

const HOLD = 'certificateHold'
const REASON = fc.constantFrom('unspecified', 'keyCompromise', 'superseded', 'cessationOfOperation', HOLD)

/** Also of what is on hold, which becomes permanent, and of what is revoked, where the first facts stand. */
const revoke = fc
  .record({ index: WHICH, reason: REASON })
  .map(({ index, reason }) => revocationOf(index, reason))
const hold = WHICH.map((index) => revocationOf(index, HOLD))

function revocationOf(index: number, reason: string) {
  return step({
    name: `revoke(${index}, ${reason})`,
    possible: hasCertificates,
    async act(model, { ca }) {
      const certificate = model.at(index)
      const { status, json } = await ca.call(`/v1/certificates/${certificate.serialNumber}/revoke`, {
        body: { reason },
      })
      expect(status).toBe(200)
      expect(json.changed).toBe(model.revoke(certificate, reason, ca.seconds))
      expect(json.revocation.reason).toBe(certificate.revocation!.reason)
    },
  })
}

/** Of something on hold, where there is such. */
const harden = fc.record({ index: WHICH, reason: REASON }).map(({ index, reason }) =>
  step({
    name: `harden(${index}, ${reason})`,
    possible: ({ certificates }) => held(certificates).length > 0,
    async act(model, { ca }) {
      const ones = held(model.certificates)
      const certificate = ones[index % ones.length]!
      const path = `/v1/certificates/${certificate.serialNumber}/revoke`
      const { json } = await ca.call(path, { body: { reason } })
      expect(json.changed).toBe(model.revoke(certificate, reason, ca.seconds))
    },
  }),
)

const release = fc.record({ index: WHICH, onHold: fc.boolean() }).map(({ index, onHold }) =>
  step({
    name: `release(${index}${onHold ? ', of those on hold' : ''})`,
    possible: ({ certificates }) => (onHold ? held(certificates) : certificates).length > 0,
    async act({ certificates }, { ca }) {
      const ones = onHold ? held(certificates) : certificates
      const certificate = ones[index % ones.length]!
      const path = `/v1/certificates/${certificate.serialNumber}/release`
      const answer = await ca.call(path, { body: {} })
      if (certificate.revocation?.reason !== HOLD) return expectProblem(answer, 409, 'notOnHold')
      expect(answer.json).toMatchObject({ changed: true, revocation: null })
      certificate.revocation = null
    },
  }),
)

/** On hold, released and on hold again, between two full CRLs of the schedule: a delta must tell the last of it alone. */
const waver = WHICH.map((index) =>
  step({
    name: `waver(${index})`,
    possible: (model) => hasCertificates(model) && model.at(index).revocation === null,
    async act(model, real) {
      const certificate = model.at(index)
      const path = `/v1/certificates/${certificate.serialNumber}`
      for (const verb of ['revoke', 'release', 'revoke']) {
        const body = verb === 'revoke' ? { reason: HOLD } : {}
        expect((await real.ca.call(`${path}/${verb}`, { body })).json.changed).toBe(true)
        if (verb === 'revoke') model.revoke(certificate, HOLD, real.ca.seconds)
        else certificate.revocation = null
        await agree(model, real)
      }
    },
  }),
)

const FILTERS: readonly { readonly filter: object; readonly matches: (one: Held) => boolean }[] = [
  { filter: { profile: 'server' }, matches: ({ profile }) => profile === 'server' },
  { filter: { profile: 'spiffe' }, matches: ({ profile }) => profile === 'spiffe' },
  {
    filter: { name: '*.x.example.test' },
    matches: ({ names }) => names.some((name) => name.startsWith('dns:') && name.endsWith('.x.example.test')),
  },
  { filter: { authority: 'intermediate' }, matches: () => true },
]

const revokeAll = fc
  .record({ which: fc.constantFrom(...FILTERS), reason: REASON, dryRun: fc.boolean() })
  .map(({ which: { filter, matches }, reason, dryRun }) =>
    step({
      name: `revokeAll(${JSON.stringify(filter)}, ${reason}${dryRun ? ', dry run' : ''})`,
      async act(model, { ca }) {
        const matching = model.certificates.filter(matches)
        const answer = await ca.call('/v1/certificates/revoke', { body: { filter, reason, dryRun } })
        const changed = dryRun ? [] : matching.filter((one) => model.revoke(one, reason, ca.seconds))
        expect(answer.json).toMatchObject({ matched: matching.length, revoked: changed.length })
      },
    }),
  )

function held(certificates: readonly Held[]): Held[] {
  return certificates.filter(({ revocation }) => revocation?.reason === HOLD)
}

export const revocation = [revoke, revoke, hold, waver, harden, release, revokeAll]
