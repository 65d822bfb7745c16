import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { signedHeaders } from '../../src/webhooks/signature.ts'
import { csrPem } from '../api/requests.ts'
import { eventually } from '../eventually.ts'
import { newWebhookSecret } from './receiver.ts'
import { webhookCa } from './webhook-ca.ts'

const [, script] = /```js\n([\s\S]*?)```/.exec(
  readFileSync(new URL('../../docs/webhooks.md', import.meta.url), 'utf8'),
)!

/** The receiver of the documentation, as a process of its own: its port and what it prints. */
async function documentedReceiver(secret: string) {
  const receiver = spawn(process.execPath, ['--input-type=module', '--eval', script!], {
    env: { WEBHOOK_SECRET: secret, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    receiver.kill()
    if (receiver.exitCode === null && receiver.signalCode === null) await once(receiver, 'exit')
  })
  const printed: string[] = []
  createInterface(receiver.stdout).on('line', (line) => printed.push(line))
  await eventually(() => expect(printed[0]).toMatch(/^port \d+$/))
  return { url: `http://127.0.0.1:${printed[0]!.slice(5)}/`, printed }
}

test('the receiver of the documentation takes what is genuine, once, and nothing else', async () => {
  const secret = newWebhookSecret()
  const { url, printed } = await documentedReceiver(secret)
  const { ca } = await webhookCa([{ url, certificate: '' }], {}, secret)
  const { serialNumber } = await ca.enrol(csrPem(['dns:web.example.test']))
  await eventually(() => expect(printed.at(-1)).toBe(`certificate.issued ${serialNumber}`))
  const now = Math.floor(Date.now() / 1000)
  const key = (text: string) => Buffer.from(text.slice('whsec_'.length), 'base64')
  const notice = { message: 'msg_1', body: '{"type":"certificate.issued","data":{"serialNumber":"40ab"}}' }
  const send = async (secrets: readonly string[], at: number, body = notice.body) =>
    (await fetch(url, { method: 'POST', headers: signedHeaders(secrets.map(key), notice, at), body })).status
  expect(await send([newWebhookSecret()], now)).toBe(401)
  expect(await send([secret], now - 301)).toBe(401)
  expect(await send([secret], now, notice.body.replace('40ab', '40ac'))).toBe(401)
  expect(await send([newWebhookSecret(), secret], now)).toBe(204)
  expect(await send([secret], now)).toBe(204)
  await eventually(() => expect(printed.at(-1)).toBe('certificate.issued 40ab'))
  expect(printed.length).toBe(3)
})

test('a sender that goes away in the middle of a notice does not end it', async () => {
  const { url } = await documentedReceiver(newWebhookSecret())
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  // With the answer to "Expect" the receiver reads the body.
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n')
  await once(socket, 'data')
  socket.resetAndDestroy()
  await once(socket, 'close')
  expect((await fetch(url, { method: 'POST', body: '{}' })).status).toBe(401)
})
