import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Order, Outcome, Site } from './acme-driver.ts'

/** The process of acme-driver.ts, which has the clients and the place where their names are proven. */
export interface Driver {
  readonly site: Site
  /** Fails as the driver does. */
  ask(order: Order): Promise<Outcome>
  stop(): void
}

export async function startDriver(): Promise<Driver> {
  const driver = fork(new URL('./acme-driver.ts', import.meta.url))
  const lost = once(driver, 'exit').then(() => {
    throw new Error('the driver failed')
  })
  lost.catch(() => {}) // at the end, when it is let go
  const message = async () => ((await Promise.race([once(driver, 'message'), lost])) as [unknown])[0]
  return {
    site: (await message()) as Site,
    async ask(order) {
      driver.send(order)
      return (await message()) as Outcome
    },
    stop: () => driver.disconnect(),
  }
}
