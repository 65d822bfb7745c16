import { createHmac, randomBytes } from 'node:crypto'
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, isIP } from 'node:net'
import { onTestFinished } from 'vitest'
import { type Identity, selfSigned } from '../acme/validation/certificates.ts'

export interface Received {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of it
  readonly json: any
}

type Answer = (response: ServerResponse, received: Received) => void

/** What posts come to: it keeps all that it gets, and answers as it is told. */
export interface Receiver {
  readonly url: string
  readonly identity: Identity
  readonly certificate: string
  readonly received: Received[]
  answer: Answer
  close(): Promise<void>
}

export const taken: Answer = (response) => response.writeHead(204).end()
export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(code, headers).end('words that nobody wants')

export async function startReceiver({
  tls = true,
  port = 0,
  name = '127.0.0.1',
  identity = selfSigned([{ type: isIP(name) ? 'ip' : 'dns', value: name }]),
}: {
  readonly tls?: boolean
  readonly port?: number
  readonly name?: string
  readonly identity?: Identity
} = {}): Promise<Receiver> {
  const received: Received[] = []
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk
    const headers = request.headers as Record<string, string>
    const one = { method: request.method!, headers, text, json: JSON.parse(text || 'null') }
    received.push(one)
    receiver.answer(response, one)
  }
  const server: HttpServer = tls
    ? (createTlsServer({ key: identity.key, cert: identity.certificate }, take) as unknown as HttpServer)
    : createServer(take)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const receiver: Receiver = {
    url: `${tls ? 'https' : 'http'}://${name}:${(server.address() as AddressInfo).port}/hook?team=ca`,
    identity,
    certificate: identity.certificate,
    received,
    answer: taken,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  onTestFinished(() => receiver.close())
  return receiver
}

export const newWebhookSecret = () => `whsec_${randomBytes(32).toString('base64')}`

/** As the specification of Standard Webhooks has it: what a receiver must find among the signatures. */
export function isSigned({ headers, text }: Received, secret: string): boolean {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`
  const expected = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
  return headers['webhook-signature']!.split(' ').includes(expected)
}
