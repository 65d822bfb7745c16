import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { RawOptions } from '../../src/config/config.ts'
import { TestCa } from '../api/ca-fixture.ts'
import { newWebhookSecret, type Receiver } from './receiver.ts'

/** A CA that tells these receivers, closed when the test ends. `secret`: that of all of them. */
export async function webhookCa(
  receivers: readonly (Pick<Receiver, 'url' | 'certificate'> & { readonly options?: RawOptions })[],
  options: RawOptions = {},
  secret = newWebhookSecret(),
): Promise<{ ca: TestCa; secret: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'chancery-webhook-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 })
    return join(directory, name)
  }
  const secretFile = file('secret', `${secret}\n`)
  const webhooks = receivers.map(({ url, certificate, options: own }, at) => ({
    ...{ name: `receiver-${at}`, url, secretFile },
    ...(certificate && { caFile: file(`roots-${at}.pem`, certificate) }),
    ...own,
  }))
  const ca = await TestCa.create({ options: { ...options, webhooks } })
  onTestFinished(() => ca.close())
  return { ca, secret }
}
