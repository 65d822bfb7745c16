import { describe, expect, test } from 'vitest'
import { createKeySigner } from '../../src/ca/key-signer.ts'
import { type SigningPurpose, SigningTurns } from '../../src/ca/signing-turns.ts'
import type { KeyType } from '../../src/pki/keys/algorithms.ts'
import { newKey } from '../api/requests.ts'

const TBS = Buffer.from('to be signed')

/** Signatures by hand: which have begun, and an end for each. */
function signatures(turns: SigningTurns) {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  return {
    begun,
    ask: (purpose: SigningPurpose, name: string) =>
      turns.run(purpose, () => {
        begun.push(name)
        return new Promise<void>((resolve) => ends.set(name, resolve))
      }),
    async end(name: string) {
      ends.get(name)!()
      for (let i = 0; i < 10; i++) await null
    },
  }
}

describe('turns', () => {
  test('go to both purposes one after the other, in the order in which each came', async () => {
    const { ask, begun, end } = signatures(new SigningTurns(1))
    for (const name of ['c1', 'c2', 'c3', 'c4']) void ask('certificate', name)
    for (const name of ['s1', 's2']) void ask('status', name)
    expect(begun).toEqual(['c1'])
    for (const name of ['c1', 's1', 'c2', 's2', 'c3', 'c4']) await end(name)
    expect(begun).toEqual(['c1', 's1', 'c2', 's2', 'c3', 'c4'])
  })

  test('so many are under way at once, and a failure gives its turn on', async () => {
    const turns = new SigningTurns(2)
    const { ask, begun, end } = signatures(turns)
    for (const name of ['a', 'b', 'c']) void ask('certificate', name)
    expect(begun).toEqual(['a', 'b'])
    await end('a')
    expect(begun).toEqual(['a', 'b', 'c'])
    await end('b')
    await end('c')
    await expect(turns.run('status', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    void ask('status', 'd')
    void ask('status', 'e')
    expect(begun.slice(3)).toEqual(['d', 'e'])
  })
})

describe.each<KeyType>(['P-384', 'RSA-4096'])('a key that signs slowly: %s', (type) => {
  const { sign } = createKeySigner(newKey(type), null)

  test('leaves the event loop free', async () => {
    let [turns, done] = [0, false]
    const turn = () => {
      turns++
      if (!done) setImmediate(turn)
    }
    const all = Promise.all(Array.from({ length: 100 }, () => sign(TBS)))
    turn()
    await all
    done = true
    // Signed here, all would be done within one.
    expect(turns).toBeGreaterThan(100)
  })

  test('does not make OCSP and CRLs wait behind hundreds of certificates', async () => {
    let [certificates, before] = [0, -1]
    const issuance = Array.from({ length: 200 }, () => sign(TBS).then(() => certificates++))
    await sign(TBS, 'status').then(() => {
      before = certificates
    })
    expect(before).toBeLessThan(20)
    await Promise.all(issuance)
  })
})
