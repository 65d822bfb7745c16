import { readFileSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'

/**
 * The least that an HTTP server in Node can do: it gives the body back, or always the content of a file. With a PEM file of
 * key and certificate, over TLS.
 */
const { values } = parseArgs({ options: { pem: { type: 'string' }, constant: { type: 'string' } } })

function echo(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks)
    response.writeHead(201, { 'content-length': body.length }).end(body)
  })
}

function repeat(file: string) {
  const body = readFileSync(file)
  const head = { 'content-type': 'application/ocsp-response', 'content-length': body.length }
  return (request: IncomingMessage, response: ServerResponse) => {
    request.resume()
    request.on('end', () => response.writeHead(200, head).end(body))
  }
}

const answer = values.constant === undefined ? echo : repeat(values.constant)
const pem = values.pem === undefined ? null : readFileSync(values.pem)
const server = pem ? createHttpsServer({ key: pem, cert: pem }, answer) : createHttpServer(answer)
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
