import { verify } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { finish } from '../../src/ca/finish.ts'
import { createKeySigner } from '../../src/ca/key-signer.ts'
import type { Prepared } from '../../src/ca/prepare.ts'
import type { KeyProof } from '../../src/ca/request.ts'
import type { Signer } from '../../src/ca/signer.ts'
import { parseCsr } from '../../src/pki/csr/parse.ts'
import type { KeyType } from '../../src/pki/keys/algorithms.ts'
import { signCertificate } from '../../src/store/sign-issuances.ts'
import { csrDer, newKey } from '../api/requests.ts'
import { refused } from '../pki/refusal.ts'

const TBS = Buffer.from('to be signed')

function prepared({ csr }: Proof): { prepared: Prepared; taken: () => number } {
  let count = 0
  const take = () => {
    count++
    return TBS
  }
  const grant = { publicKey: csr.publicKey }
  return { prepared: { take, grant } as unknown as Prepared, taken: () => count }
}

type Proof = Extract<KeyProof, { kind: 'csr' }>

function proof(type: KeyType, { spoilt = false } = {}): Proof {
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

type Finished = Awaited<ReturnType<typeof finish>>

describe('a certificate', () => {
  test.for<KeyType>(['P-256', 'Ed25519'])(
    'for a key of %s is proven and signed by the writer, where the signer is quick',
    async (type) => {
      const signer = createKeySigner(newKey(), null)
      const csr = proof(type)
      const finished = await finish(prepared(csr).prepared, csr, signer)
      const { unsigned } = finished as Extract<Finished, { unsigned: unknown }>
      const { identifier } = signer.algorithm
      expect(unsigned).toMatchObject({ tbs: TBS, identifier, possession: { spki: expect.any(Buffer) } })
      expect(signCertificate(unsigned).includes(TBS)).toBe(true)
    },
  )

  test.for<KeyType>(['P-384', 'RSA-2048'])(
    'for a key of %s is proven first, and signed by the writer',
    async (type) => {
      const signer = createKeySigner(newKey(), null)
      const csr = proof(type)
      expect(await finish(prepared(csr).prepared, csr, signer)).toMatchObject({
        unsigned: { possession: null },
      })
      const bad = proof(type, { spoilt: true })
      const { prepared: one, taken } = prepared(bad)
      expect((await refused(finish(one, bad, signer))).code).toBe('badCsrSignature')
      expect(taken()).toBe(0)
    },
  )

  test('is proven before a slow signer is asked', async () => {
    const signer = watched(createKeySigner(newKey('P-384'), null))
    const bad = proof('P-256', { spoilt: true })
    const { prepared: one, taken } = prepared(bad)
    expect((await refused(finish(one, bad, signer))).code).toBe('badCsrSignature')
    expect([taken(), signer.asked]).toEqual([0, 0])
    const good = proof('P-256')
    const { der } = (await finish(prepared(good).prepared, good, signer)) as { der: Buffer }
    expect(signer.asked).toBe(1)
    const signature = der.subarray(der.indexOf(TBS) + TBS.length + signer.algorithm.identifier.length + 3)
    expect(verify('sha384', TBS, signer.publicKey, signature)).toBe(true)
  })

  test('is for the key that is proven and for no other', async () => {
    const signer = createKeySigner(newKey(), null)
    const { prepared: one, taken } = prepared(proof('P-256'))
    expect((await refused(finish(one, proof('P-256'), signer))).code).toBe('internal')
    expect(taken()).toBe(0)
  })
})
