import type { Authorities } from './ca/authorities.ts'
import type { FaultLog } from './health.ts'
import { RegularLooks } from './regular-looks.ts'
import type { Revocation } from './revocation.ts'

/** Milliseconds between two looks whether the authorities have to be read anew, and looks that are left out after a failure. */
const LOOK = { every: 1000, rest: 4 } as const

interface Followers {
  readonly authorities: Authorities
  readonly revocation: Pick<Revocation, 'start'>
  readonly keepRoots: () => Promise<void>
  /** Called once all is as the authorities are. */
  readonly changed: (serialNumbers: readonly string[]) => void
  readonly log: FaultLog
}

/**
 * Brings all that depends on the authorities up to date with them: what is on record counts, also where it could not be read at once,
 * or its writing was in doubt.
 */
export function followAuthorities({ authorities, revocation, keepRoots, changed, log }: Followers) {
  let areOutdated = false
  const authoritiesChanged = async () => {
    areOutdated = false
    try {
      await authorities.reload()
      await revocation.start()
    } catch (error) {
      areOutdated = true
      throw error
    }
    await keepRoots()
    changed([])
  }
  const looks = new RegularLooks({
    ...LOOK,
    onError: (error) => log.error({ err: error }, 'The authorities could not be read anew, and will be'),
  })
  return {
    /** To be called after one was added, installed or moved on. */
    changed: authoritiesChanged,
    /** To be called where one may have been. */
    inDoubt: () => looks.run(authoritiesChanged),
    start: () =>
      looks.start(async () => {
        if (areOutdated) await authoritiesChanged()
      }),
    stop: () => looks.stop(),
  }
}
