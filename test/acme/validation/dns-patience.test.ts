import { expect, onTestFinished, test, vi } from 'vitest'
import { Deadline } from '../../../src/acme/validation/deadline.ts'
import { DnsPatience } from '../../../src/acme/validation/dns-patience.ts'

const two = () => 2
const FULL = { timeout: 2500, tries: 3 }
const SHORT = { timeout: 250, tries: 6 }

function deadline(): Deadline {
  const made = new Deadline(10)
  onTestFinished(() => made.close())
  return made
}

/** A question that is answered after so many milliseconds. */
async function ask(patience: DnsPatience, of: Deadline, milliseconds: number): Promise<void> {
  let answer = (): void => {}
  const asked = patience.waitFor(new Promise<void>((resolve) => (answer = resolve)), of)
  await vi.advanceTimersByTimeAsync(milliseconds)
  answer()
  await asked
}

test('after a question that waited for a server, others of the validation pass over it soon', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const patience = new DnsPatience()
  const [whole, other] = [deadline(), deadline()]
  await ask(patience, whole, 2000)
  expect(patience.optionsFor(whole, two)).toEqual(FULL)
  const part = deadline()
  patience.share(part, whole)
  await ask(patience, part, 2400)
  expect(patience.optionsFor(whole, two)).toEqual(SHORT)
  expect(patience.optionsFor(part, two)).toEqual(SHORT)
  expect(patience.optionsFor(other, two)).toEqual(FULL)
  // Nobody else could be asked: a server that is slow has all the time that there is.
  expect(patience.optionsFor(whole, () => 1)).toEqual(FULL)
})
