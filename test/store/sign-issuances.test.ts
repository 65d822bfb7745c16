import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { parseCsr } from '../../src/pki/csr/parse.ts'
import { type Possession, possessionOf } from '../../src/pki/csr/prove.ts'
import { type KeyType, type SignatureAlgorithm, signatureAlgorithm } from '../../src/pki/keys/algorithms.ts'
import { assembleSigned } from '../../src/pki/signed.ts'
import { batchRunner } from '../../src/store/batch.ts'
import type { UnsignedCertificate, UnsignedIssuance } from '../../src/store/commands.ts'
import { openForWriting } from '../../src/store/connection.ts'
import { pointReads } from '../../src/store/read/queries.ts'
import { signIssuances } from '../../src/store/sign-issuances.ts'
import type { QueuedCommand } from '../../src/store/writer-messages.ts'
import { csrDer, newKey } from '../api/requests.ts'
import { authority, issuance, revocation, serial, sha256 } from './records.ts'
import { temporaryDatabase, temporaryStore } from './temporary.ts'

const KEY = newKey()
const ECDSA = signatureAlgorithm('ec', 'sha256')
const TBS = Buffer.alloc(500, 0x30)

function possession(type: KeyType = 'P-256'): Possession {
  return possessionOf(parseCsr(csrDer(['dns:a.example.test'], { key: newKey(type) })))
}

function unsigned(n: number, changes: Partial<UnsignedCertificate> = {}): UnsignedIssuance {
  const { der: _, ...record } = issuance(n)
  return {
    ...record,
    unsigned: { tbs: TBS, ...ECDSA, key: KEY, possession: possession(), ...changes },
  }
}

/** What a bad bit makes of the proof, at its end. */
function spoilt(from: Possession, part: 'signature' | 'spki' | 'signed'): Possession {
  const octets = Buffer.from(from[part])
  octets[octets.length - 1]! ^= 1
  return { ...from, [part]: octets }
}

/** What stands between, and what is verified: the header is four octets long, as it is of most certificates. */
function signedBy(der: Uint8Array, key: KeyObject, { hash, identifier }: SignatureAlgorithm): boolean {
  const end = 4 + TBS.length
  const signature = der.subarray(end + identifier.length + 3)
  expect(assembleSigned(TBS, { identifier }, signature)).toEqual(Buffer.from(der))
  return verify(hash, TBS, createPublicKey(key), signature)
}

describe('an issuance that is not signed yet', () => {
  test.for<KeyType>(['P-256', 'Ed25519'])(
    'is signed once its %s key is proven, and recorded as it is answered',
    async (type) => {
      const store = await temporaryStore()
      const outcome = await store.write('recordIssuance', unsigned(1, { possession: possession(type) }))
      expect(outcome.outcome).toBe('recorded')
      const row = await store.read.certificate(serial(1))
      expect(outcome).toEqual({ outcome: 'recorded', der: new Uint8Array(row!.der) })
      expect(signedBy(row!.der, KEY, ECDSA)).toBe(true)
    },
  )

  test('may be signed with Ed25519, and for a key that was proven before', async () => {
    const store = await temporaryStore()
    const key = newKey('Ed25519')
    const algorithm = signatureAlgorithm('ed25519', null)
    await store.write('recordIssuance', unsigned(1, { key, ...algorithm, possession: null }))
    expect(signedBy((await store.read.certificate(serial(1)))!.der, key, algorithm)).toBe(true)
  })

  test.for([
    ['signature', 'badCsrSignature'],
    ['signed', 'badCsrSignature'],
    ['spki', 'malformedCsr'],
  ] as const)(
    'is refused where its %s is not the one that was made, and leaves nothing',
    async ([part, code]) => {
      const store = await temporaryStore()
      const bad = unsigned(1, { possession: spoilt(possession(), part) })
      const both = [store.write('recordIssuance', bad), store.write('recordIssuance', unsigned(2))]
      expect(await Promise.allSettled(both)).toMatchObject([
        { status: 'rejected', reason: { code } },
        { status: 'fulfilled', value: { outcome: 'recorded' } },
      ])
      expect(await store.read.certificate(serial(1))).toBeNull()
      expect(await store.read.certificate(serial(2))).not.toBeNull()
      expect(store.healthy).toBe(true)
    },
  )

  test('uses up neither its token nor its idempotency key where it is refused', async () => {
    const store = await temporaryStore()
    const idempotency = { scope: 'admin:default', key: 'k', requestHash: sha256('request'), countsFrom: 0 }
    const bad = unsigned(1, { possession: spoilt(possession(), 'signature') })
    await expect(store.write('recordIssuance', { ...bad, idempotency })).rejects.toThrow()
    expect(await store.write('recordIssuance', { ...unsigned(2), idempotency })).toMatchObject({
      outcome: 'recorded',
    })
    expect(await store.write('recordIssuance', { ...unsigned(3), idempotency })).toEqual({
      outcome: 'replayed',
      serialNumber: serial(2),
    })
  })

  test('is signed once, also where a command of its batch fails and the others are run anew', async () => {
    const db = openForWriting(temporaryDatabase())
    const run = batchRunner(db)
    run([{ id: 0, kind: 'recordAuthority', input: authority() }])
    const commands: QueuedCommand[] = [
      { id: 1, kind: 'recordIssuance', input: unsigned(1) },
      { id: 2, kind: 'revoke', input: revocation(9) },
      {
        id: 3,
        kind: 'recordIssuance',
        input: unsigned(3, { possession: spoilt(possession(), 'signature') }),
      },
      { id: 4, kind: 'recordIssuance', input: unsigned(4) },
    ]
    const { ready, refused } = signIssuances(commands)
    expect(refused).toMatchObject([{ id: 3, error: { code: 'badCsrSignature' } }])
    const { answers, times } = run(ready)
    expect(times.commands).toBe(3)
    const of = (wanted: number) => answers.find(({ id }) => id === wanted)
    expect(answers.map(({ id }) => id)).toEqual([1, 2, 4])
    expect(of(2)).toMatchObject({ error: { code: 'notFound' } })
    const read = pointReads(db)
    for (const n of [1, 4]) {
      const { der } = (of(n) as { output: { der: Uint8Array } }).output
      expect(signedBy(der, KEY, ECDSA)).toBe(true)
      expect((await read.certificate(serial(n)))?.der).toEqual(Buffer.from(der))
    }
    db.close()
  })

  test('and is refused, is in no batch that is counted, and in none that failed', async () => {
    const store = await temporaryStore()
    const before = structuredClone(store.figures.batchSizes)
    const bad = () =>
      store.write('recordIssuance', unsigned(1, { possession: spoilt(possession(), 'signature') }))
    expect((await Promise.allSettled([bad(), bad(), bad()])).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'rejected',
    ])
    expect(store.figures.batchSizes).toEqual(before)
    expect(store.figures.failedBatches.count).toBe(0)
    expect(store.healthy).toBe(true)
  })
})
