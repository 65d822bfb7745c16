import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CaError } from '../../src/errors.ts'
import { parseOcspResponse } from '../../src/ocsp/parse-response.ts'
import { proveOcspResponse } from '../../src/ocsp/prove-response.ts'
import { createOcspResponder } from '../../src/ocsp/responder.ts'
import { encodeOcspError, encodeOcspResponse } from '../../src/ocsp/response.ts'
import {
  bitString,
  context,
  contextPrimitive,
  generalizedTime,
  integer,
  octetString,
  oid,
  sequence,
} from '../../src/pki/der/write.ts'
import { refusal } from '../pki/refusal.ts'
import { certId, nonce, ocspRequest } from './ocsp-request.ts'
import { RESPONDER_DEFAULTS } from './options.ts'
import { type Leaf, SmallCa } from './small-ca.ts'

let ca: SmallCa
let good: Leaf
let revoked: Leaf

beforeAll(async () => {
  ca = await SmallCa.create()
  good = await ca.issue()
  revoked = await ca.issue()
  await ca.revoke(revoked, 4)
})
afterAll(() => ca.close())

async function responseTo(request: Buffer): Promise<Buffer> {
  const { authorities, store, clock } = ca
  const onError = (error: unknown) => {
    throw error
  }
  const responder = createOcspResponder({ ...RESPONDER_DEFAULTS, authorities, store, clock, onError })
  try {
    return (await responder.respond(request)).der
  } finally {
    await responder.stop()
  }
}

const about = (leaf: Leaf, extensions: Buffer[] = []) =>
  responseTo(ocspRequest([certId(ca.issuing.certificate, leaf.serialNumber)], extensions))
const prove = (der: Buffer, now = ca.seconds, issuer = ca.issuing) =>
  proveOcspResponse(der, issuer.certificate, now)
const reason = (der: Buffer, now = ca.seconds, issuer = ca.issuing) => {
  const { code, detail } = refusal(() => prove(der, now, issuer))
  expect(code).toBe('badOcspResponse')
  return detail
}

test('gives what the response says', async () => {
  const der = await about(good)
  expect(prove(der)).toMatchObject({
    der,
    status: 'good',
    certId: { serialNumber: good.serialNumber },
    thisUpdate: ca.seconds,
    nextUpdate: ca.seconds + 43_200,
    producedAt: ca.seconds,
  })
  expect(prove(await about(revoked, [nonce(8)])).status).toEqual({ revokedAt: ca.seconds, reason: 4 })
})

describe('refuses', () => {
  test('what has expired, and what is from the future', async () => {
    const der = await about(good)
    expect(prove(der, ca.seconds + 43_199).status).toBe('good')
    expect(reason(der, ca.seconds + 43_200)).toContain('It has expired')
    expect(prove(der, ca.seconds - 300).status).toBe('good')
    expect(reason(der, ca.seconds - 301)).toContain('from the future')
  })

  test('what is about another issuer’s certificate', async () => {
    expect(reason(await about(good), ca.seconds, ca.root)).toContain('of another issuer')
  })

  test('what speaks of several', async () => {
    const ids = [good, revoked].map(({ serialNumber }) => certId(ca.issuing.certificate, serialNumber))
    expect(reason(await responseTo(ocspRequest(ids)))).toContain('of 2 certificates')
  })

  test('an error, and what is not a response at all', () => {
    expect(reason(encodeOcspError('tryLater'))).toContain('is an error')
    expect(reason(Buffer.from('<html>'))).toContain('not valid DER')
    expect(reason(Buffer.alloc(0))).toContain('ends too early')
  })

  test('a reason that there is not (RFC 5280 5.3.1)', async () => {
    const leaf = await ca.issue()
    await ca.revoke(leaf, 9)
    const der = await about(leaf)
    expect(parseOcspResponse(der).responses).toMatchObject([{ status: { reason: 9 } }])
    const at = der.indexOf(Buffer.of(0xa0, 3, 0x0a, 1, 9))
    for (const code of [7, 8, 11, 200]) {
      der[at + 4] = code
      expect(refusal(() => parseOcspResponse(der)).detail).toContain('unknown reason')
    }
  })

  test('a member that a status has not', () => {
    const at = generalizedTime(ca.seconds)
    const response = (...more: Buffer[]) => {
      const status = [
        certId(ca.issuing.certificate, good.serialNumber),
        contextPrimitive(0, Buffer.alloc(0)),
        at,
      ]
      const list = sequence(sequence(...status, ...more))
      const data = sequence(context(2, octetString(Buffer.alloc(20))), at, list)
      const algorithm = sequence(oid('1.2.840.10045.4.3.2'))
      return encodeOcspResponse(sequence(data, algorithm, bitString(Buffer.alloc(8))))
    }
    expect(parseOcspResponse(response(context(0, at))).responses).toMatchObject([{ status: 'good' }])
    for (const more of [[context(0, at), integer(1)], [context(2, at)], [context(0, at, at)]])
      expect(refusal(() => parseOcspResponse(response(...more))).code).toBe('badOcspResponse')
  })

  test('bytes after the end', async () => {
    expect(reason(Buffer.concat([await about(good), Buffer.of(0)]))).toContain('bytes after its end')
  })

  test('every bit flip, and never otherwise than so', async () => {
    const der = await about(good)
    for (let bit = 0; bit < der.length * 8; bit++) {
      const flipped = Buffer.from(der)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      expect(refusal(() => prove(flipped)).code).toBe('badOcspResponse')
    }
  })
})

test('random bytes never throw anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      try {
        parseOcspResponse(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(CaError)
      }
    }),
  )
})
