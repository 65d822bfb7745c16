import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePem, encodeLongPem, encodePem } from '../../src/pki/pem.ts'
import { expectRefusal, parsesOrRefuses } from './refusal.ts'

const block = '-----BEGIN TEST-----\nAAEC\n-----END TEST-----\n'
const decode = (text: string) => decodePem(text, 'upload')
const refused = (text: string, reason: RegExp) => expectRefusal(() => decode(text), 'malformedPem', reason)

describe('encodeLongPem', () => {
  it.each([0, 1, 47, 48, 49, 393_215, 393_216, 393_217, 1_000_000])(
    'is encodePem in ASCII: %i octets',
    async (length) => {
      const der = Buffer.alloc(length + 3, 0xa5).subarray(3)
      expect((await encodeLongPem('TEST', der)).equals(Buffer.from(encodePem('TEST', der)))).toBe(true)
    },
  )

  it('lets others have their turn between slices', async () => {
    let turns = 0
    let going = true
    const count = () => {
      turns++
      if (going) setImmediate(count)
    }
    setImmediate(count)
    await encodeLongPem('TEST', Buffer.alloc(4_000_000))
    going = false
    expect(turns).toBeGreaterThan(5)
  })
})

describe('encodePem', () => {
  it('writes what node:crypto writes, byte for byte', () => {
    for (const type of ['ec', 'rsa'] as const) {
      const { publicKey } =
        type === 'ec'
          ? generateKeyPairSync('ec', { namedCurve: 'P-521' })
          : generateKeyPairSync('rsa', { modulusLength: 2048 })
      const der = publicKey.export({ type: 'spki', format: 'der' })
      expect(encodePem('PUBLIC KEY', der)).toBe(publicKey.export({ type: 'spki', format: 'pem' }))
    }
  })

  it('is read by openssl', () => {
    const { publicKey } = generateKeyPairSync('ed25519')
    const der = publicKey.export({ type: 'spki', format: 'der' })
    const read = execFileSync('openssl', ['pkey', '-pubin', '-pubout', '-outform', 'DER'], {
      input: encodePem('PUBLIC KEY', der),
    })
    expect(read).toEqual(der)
  })

  it('takes a view of a larger buffer', () => {
    expect(encodePem('TEST', new Uint8Array([9, 0, 1, 2, 9]).subarray(1, 4))).toBe(block)
  })
})

describe('decodePem', () => {
  it('reads back what was written, any number of blocks', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((array) => Buffer.from(array))
    fc.assert(
      fc.property(
        fc.array(bytes, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('\n', '\r\n'),
        (ders, newline) => {
          const text = ders
            .map((der) => encodePem('CERTIFICATE', der))
            .join('')
            .replaceAll('\n', newline)
          expect(decode(text)).toEqual(ders.map((der) => ({ label: 'CERTIFICATE', der })))
        },
      ),
    )
  })

  it('skips the text that OpenSSL puts before a block', () => {
    const text = `Bag Attributes\n    friendlyName: x\nsubject=CN = a\n\n${block}\nBag Attributes: <No Attributes>\n${block}`
    expect(decode(text)).toHaveLength(2)
  })

  it('needs no newline at the end and allows lines of any length', () => {
    expect(decode('-----BEGIN TEST-----\nAA\nEC\n-----END TEST-----')[0]?.der).toEqual(Buffer.from([0, 1, 2]))
  })

  it.each([
    ['', /has no/],
    ['hello', /has no/],
    [' -----BEGIN TEST----- AAEC -----END TEST-----', /line of dashes/],
    [block.replace('END TEST', 'END OTHER'), /not closed by "END TEST"/],
    [block.slice(0, -10), /not closed/],
    ['-----BEGIN TEST-----\nAAEC\n', /ends before/],
    [block + block.slice(0, 30), /ends before/],
    ['-----BEGIN TEST-----\n-----END TEST-----\n', /empty block/],
    ['-----BEGIN TEST----\nAAEC\n-----END TEST-----\n', /line of dashes/],
    ['-----END TEST-----\n', /line of dashes/],
    [`-----BEGIN TEST-----\n${block}`, /not closed/],
    [`${block}trailing`, /text after its last block/],
  ])('refuses %j', (text, reason) => refused(text, reason))

  it.each([
    'AAE',
    'AAEC=',
    'AAE*',
    'A A',
    'AB==',
    'AAEC\0',
    'AA-_',
    'AA==AA==',
    'Proc-Type: 4,ENCRYPTED\n\nAAEC',
  ])('refuses the body %j', (body) =>
    refused(`-----BEGIN TEST-----\n${body}\n-----END TEST-----\n`, /other than base64/),
  )

  it('throws nothing else, whatever comes', () => {
    const line = fc.constantFrom(
      '-----BEGIN A-----',
      '-----END A-----',
      '-----BEGIN B-----',
      'AAEC',
      '',
      ' ',
      '-----',
      'x\0',
    )
    fc.assert(
      fc.property(
        fc.array(line).map((lines) => lines.join('\n')),
        (text) => void parsesOrRefuses(() => decode(text)),
      ),
    )
    fc.assert(fc.property(fc.string(), (text) => void parsesOrRefuses(() => decode(text))))
  })
})
