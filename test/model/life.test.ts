import fc from 'fast-check'
import { describe, test } from 'vitest'
import { DAY, TestCa } from '../api/ca-fixture.ts'
import { agree } from './agreement.ts'
import { approval } from './approval.ts'
import { CrlHistory } from './crl-history.ts'
import { issuance } from './issuance.ts'
import { Model, type ModelCrlOptions, type Real } from './model.ts'
import { move, passage } from './passage.ts'
import { questions } from './questions.ts'
import { revocation } from './revocation.ts'
import { WAITING_PROFILE } from './step.ts'

const LIVES = fc.commands([...issuance, ...approval, ...revocation, ...passage, ...questions], {
  maxCommands: 25,
  size: 'max',
})
/** Milliseconds after which no further life is begun, nor a shorter one sought for a failure. */
const LONG_ENOUGH = 120_000

const PROFILES = { [WAITING_PROFILE]: { extends: 'server', approval: 'enrol' as const } }

const CONFIGURATIONS: readonly { readonly name: string; readonly crl: ModelCrlOptions }[] = [
  { name: 'full CRLs', crl: { delta: false, partitions: 1, onRevocation: 'full' } },
  { name: 'deltas and partitions', crl: { delta: true, partitions: 2, onRevocation: 'full' } },
  {
    name: 'deltas that go ahead of the full CRLs',
    crl: { delta: true, partitions: 2, onRevocation: 'delta' },
  },
]

describe.concurrent('whatever happens, the CA stands by what it acknowledged', () => {
  test.for(CONFIGURATIONS)('with $name', { timeout: 2 * LONG_ENOUGH }, async ({ crl }) => {
    const life = fc.asyncProperty(LIVES, async (steps) => {
      const ca = await TestCa.create({ options: { crl: { ...crl }, profiles: PROFILES } })
      const model = new Model(crl)
      const real: Real = { ca, crls: new CrlHistory(), start: ca.seconds }
      try {
        await agree(model, real)
        await fc.asyncModelRun(() => ({ model, real }), steps)
        // By then the full CRL must say what a delta alone did.
        await move(model, real, DAY)
        await agree(model, real)
      } catch (error) {
        // What went wrong first is what is told.
        await ca.close().catch(() => {})
        throw error
      }
      await ca.close()
    })
    await fc.assert(life, { numRuns: 10, interruptAfterTimeLimit: LONG_ENOUGH })
  })
})
