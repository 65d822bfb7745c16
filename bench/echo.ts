import { readFileSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** The least that an HTTP server in Node can do: it gives the body back. With a PEM file of key and certificate, over TLS. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks)
    response.writeHead(201, { 'content-length': body.length }).end(body)
  })
}

const [pemFile] = process.argv.slice(2)
const pem = pemFile ? readFileSync(pemFile) : null
const server = pem ? createHttpsServer({ key: pem, cert: pem }, echo) : createHttpServer(echo)
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
