import { verify } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { finish } from '../../src/ca/finish.ts'
import { createKeySigner } from '../../src/ca/key-signer.ts'
import type { Prepared } from '../../src/ca/prepare.ts'
import type { Signer } from '../../src/ca/signer.ts'
import { parseCsr } from '../../src/pki/csr/parse.ts'
import type { KeyType } from '../../src/pki/keys/algorithms.ts'
import { signCertificate } from '../../src/store/sign-issuances.ts'
import { csrDer, newKey } from '../api/requests.ts'
import { refused } from '../pki/refusal.ts'

const TBS = Buffer.from('to be signed')

function prepared(): { prepared: Prepared; taken: () => number } {
  let count = 0
  const take = () => {
    count++
    return TBS
  }
  return { prepared: { take } as unknown as Prepared, taken: () => count }
}

function proof(type: KeyType, { spoilt = false } = {}) {
  const der = csrDer(['dns:a.example.test'], { key: newKey(type) })
  if (spoilt) der[der.length - 1]! ^= 1
  return { kind: 'csr' as const, csr: parseCsr(der) }
}

/** Remembers how often it was asked. */
function watched(signer: Signer): Signer & { asked: number } {
  const watching = {
    ...signer,
    asked: 0,
    sign(tbs: Uint8Array) {
      watching.asked++
      return signer.sign(tbs)
    },
  }
  return watching
}

describe('a certificate', () => {
  test.for<KeyType>(['P-256', 'Ed25519'])(
    'for a key of %s is proven and signed by the writer, where the signer is quick',
    async (type) => {
      const signer = createKeySigner(newKey(), null)
      const { unsigned } = (await finish(prepared().prepared, proof(type), signer)) as Extract<
        Awaited<ReturnType<typeof finish>>,
        { unsigned: unknown }
      >
      expect(unsigned).toMatchObject({
        tbs: TBS,
        identifier: signer.algorithm.identifier,
        possession: { spki: expect.any(Buffer) },
      })
      const der = signCertificate(unsigned)
      expect(der.includes(TBS)).toBe(true)
    },
  )

  test.for<KeyType>(['P-384', 'RSA-2048'])(
    'for a key of %s is proven first, and signed by the writer',
    async (type) => {
      const signer = createKeySigner(newKey(), null)
      expect(await finish(prepared().prepared, proof(type), signer)).toMatchObject({
        unsigned: { possession: null },
      })
      const { prepared: one, taken } = prepared()
      expect(await refused(finish(one, proof(type, { spoilt: true }), signer))).toMatchObject({
        code: 'badCsrSignature',
      })
      expect(taken()).toBe(0)
    },
  )

  test('is proven before a slow signer is asked', async () => {
    const signer = watched(createKeySigner(newKey('P-384'), null))
    const { prepared: one, taken } = prepared()
    expect(await refused(finish(one, proof('P-256', { spoilt: true }), signer))).toMatchObject({
      code: 'badCsrSignature',
    })
    expect([taken(), signer.asked]).toEqual([0, 0])
    const { der } = (await finish(prepared().prepared, proof('P-256'), signer)) as { der: Buffer }
    expect(signer.asked).toBe(1)
    expect(der.includes(TBS)).toBe(true)
    expect(
      verify(
        'sha384',
        TBS,
        signer.publicKey,
        der.subarray(der.indexOf(TBS) + TBS.length + signer.algorithm.identifier.length + 3),
      ),
    ).toBe(true)
  })
})
