import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { answerClientError } from '../../src/api/client-error.ts'

// No client of Node's sends such a certificate.
test('a client certificate that OpenSSL cannot read is told so, and not that this was no HTTP', () => {
  const socket = new PassThrough()
  socket.on('error', () => {})
  const error = Object.assign(new Error('invalid certificate'), { code: 'ERR_SSL_INVALID_CERTIFICATE' })
  answerClientError(error, socket as never)
  const answer = String(socket.read())
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
  expect(answer).toContain('"detail":"The client certificate has an extension that OpenSSL cannot read')
})
