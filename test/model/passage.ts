import fc from 'fast-check'
import { DAY } from '../api/ca-fixture.ts'
import type { Model, Real } from './model.ts'
import { step } from './step.ts'

/** Seconds: within an OCSP answer's life and beyond, past a delta, a full CRL, and the ends of all lives but the longest. */
const SPAN = fc.constantFrom(1, 60, 1300, 3600, 7 * 3600, DAY, 3 * DAY, 8 * DAY, 45 * DAY)

const wait = SPAN.map((seconds) =>
  step({ name: `wait(${seconds})`, act: (model, real) => move(model, real, seconds) }),
)

/** Not beyond the beginning, when the authority was not valid yet. */
const setBack = SPAN.map((seconds) =>
  step({
    name: `setBack(${seconds})`,
    act: (model, real) => move(model, real, -Math.min(seconds, real.ca.seconds - real.start)),
  }),
)

const restart = fc.constant(step({ name: 'restart', act: (_, { ca }) => ca.reopen() }))

export async function move(model: Model, { ca }: Real, seconds: number): Promise<void> {
  ca.now += seconds * 1000
  model.latest = Math.max(model.latest, ca.seconds)
  for (const one of model.revoked(null))
    if (one.revocation.revokedAt > ca.seconds) one.revocation = { ...one.revocation, wasAhead: true }
  // What the timer does, which does not hear that the test moved the clock.
  await ca.service.crl.start()
}

export const passage = [wait, wait, setBack, restart]
