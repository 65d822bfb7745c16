import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { multipartMixed } from '../../../src/pki/est/multipart.ts'
import { runTool, toolIsMissing } from '../external-tool.ts'

const octets = [randomBytes(1200), randomBytes(700)]
const types = ['application/pkcs8', 'application/pkcs7-mime; smime-type=certs-only']
const readTypes = [
  { type: 'application/pkcs8', parameters: {} },
  { type: 'application/pkcs7-mime', parameters: { 'smime-type': 'certs-only' } },
]

const wrapped = (text: string) => text.replace(/.{1,64}/g, '$&\r\n')
const answer = (write: (text: string) => string) =>
  multipartMixed(
    octets.map((part, i) => ({ contentType: types[i]!, base64: write(part.toString('base64')) })),
  )

/** Reads a message as an EST client's library does, and prints what it finds; complains of every defect. */
const READER = `
import email, email.policy, json, sys
message = email.message_from_binary_file(open('answer', 'rb'), policy=email.policy.strict)
assert message.get_content_type() == 'multipart/mixed' and not message.defects
assert message.preamble is None and message.epilogue in (None, ''), (message.preamble, message.epilogue)
print(json.dumps([{
    'type': part['content-type'].content_type,
    'parameters': dict(part['content-type'].params),
    'encoding': part['content-transfer-encoding'],
    'defects': len(part.defects),
    'octets': part.get_payload(decode=True).hex(),
} for part in message.iter_parts()]))
`

describe('multipartMixed', () => {
  it('has a header for each part, and CRLF everywhere', () => {
    const { contentType, body } = multipartMixed([
      { contentType: 'application/pkcs8', base64: 'QUJD' },
      { contentType: 'application/pkcs7-mime; smime-type=certs-only', base64: 'REVG\r\nR0g=\r\n' },
    ])
    expect(contentType).toBe('multipart/mixed; boundary=est-server-generated-key')
    expect(body.split('\r\n')).toEqual([
      '--est-server-generated-key',
      'Content-Type: application/pkcs8',
      'Content-Transfer-Encoding: base64',
      '',
      'QUJD',
      '--est-server-generated-key',
      'Content-Type: application/pkcs7-mime; smime-type=certs-only',
      'Content-Transfer-Encoding: base64',
      '',
      'REVG',
      'R0g=',
      '--est-server-generated-key--',
      '',
    ])
    expect(body.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
  })

  it.skipIf(toolIsMissing('python3')).each([
    ['one line', (text: string) => text],
    ['lines of 64 characters', wrapped],
  ])('is read by the email package of Python, parts on %s', (_, write) => {
    const { contentType, body } = answer(write)
    const message = `MIME-Version: 1.0\r\nContent-Type: ${contentType}\r\n\r\n${body}`
    const printed = runTool('python3', ['read.py'], { 'read.py': READER, answer: message })
    expect(JSON.parse(printed)).toEqual(
      octets.map((part, i) => ({
        ...readTypes[i],
        encoding: 'base64',
        defects: 0,
        octets: part.toString('hex'),
      })),
    )
  })

  it.each(['', 'QUJD--', '{}'])('refuses a part that is not base64: %j', (base64) => {
    expect(() => multipartMixed([{ contentType: 'application/pkcs8', base64 }])).toThrow(RangeError)
  })
})
