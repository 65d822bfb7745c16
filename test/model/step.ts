import fc, { type AsyncCommand } from 'fast-check'
import { agree } from './agreement.ts'
import type { Model, Real } from './model.ts'

export interface StepWish {
  /** As fast-check prints it. */
  readonly name: string
  /** Whether it can be done now; by default always. */
  readonly possible?: (model: Model) => boolean
  readonly act: (model: Model, real: Real) => Promise<void>
}

/** One thing that somebody does, after which everything must still agree. */
export function step({ name, possible = () => true, act }: StepWish): AsyncCommand<Model, Real> {
  return {
    toString: () => name,
    check: (model) => possible(model),
    async run(model, real) {
      await act(model, real)
      await agree(model, real)
    },
  }
}

/** A profile of which an admin must approve what tokens ask for. */
export const WAITING_PROFILE = 'waiting'

export const hasCertificates = ({ certificates }: Model): boolean => certificates.length > 0

/** Which of those there are: the first ones often, since it is what befalls one thing that goes wrong. */
export const WHICH = fc.oneof(fc.constantFrom(0, 1), fc.nat({ max: 24 }))
