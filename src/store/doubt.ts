import { CaError } from '../errors.ts'

/** Of an error "storeFailed" whose command may be on record, or may be later, as long as the disk has not answered. */
export const IN_DOUBT = 'This may or may not be on record.'

/** Whether only time tells what became of the command: it is decided once writes are taken again (`Store.onResumed`). */
export function isInDoubt(error: unknown): boolean {
  return error instanceof CaError && error.code === 'storeFailed' && error.detail.endsWith(IN_DOUBT)
}
