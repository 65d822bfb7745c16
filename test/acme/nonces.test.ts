import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { Nonces } from '../../src/acme/nonces.ts'
import { expectAcmeError } from './refusal.ts'

let now = 0
const clock = () => new Date(now)
beforeEach(() => {
  now = Date.parse('2026-11-24T18:00:00Z')
})
const make = (options: { lifetime?: number; window?: number } = {}) => new Nonces({ clock, ...options })

describe('a nonce', () => {
  it('is base64url, and another each time', () => {
    const nonces = make()
    const issued = Array.from({ length: 1000 }, () => nonces.issue())
    expect(new Set(issued).size).toBe(1000)
    for (const nonce of issued) expect(nonce).toMatch(/^[\w-]{35}$/)
  })

  it('is good once', () => {
    const nonces = make()
    const nonce = nonces.issue()
    expect(nonces.use(nonce)).toBe(true)
    expect(nonces.use(nonce)).toBe(false)
    nonces.issue()
    expect(nonces.use(nonce)).toBe(false)
  })

  it('is good for one of those that use it at the same moment', async () => {
    const nonces = make()
    const nonce = nonces.issue()
    const results = await Promise.all(Array.from({ length: 50 }, async () => nonces.use(nonce)))
    expect(results.filter((good) => good)).toHaveLength(1)
  })

  it('may be used in any order with others', () => {
    const nonces = make()
    fc.assert(
      fc.property(fc.shuffledSubarray([...Array(40).keys()]), (order) => {
        const issued = Array.from({ length: 40 }, () => nonces.issue())
        for (const at of order) expect(nonces.use(issued[at]!)).toBe(true)
        for (const [at, nonce] of issued.entries()) expect(nonces.use(nonce)).toBe(!order.includes(at))
      }),
    )
  })

  it('expires after its life, an hour unless told otherwise', () => {
    for (const [lifetime, nonces] of [
      [3600, make()],
      [60, make({ lifetime: 60 })],
    ] as const) {
      const early = nonces.issue()
      const late = nonces.issue()
      now += lifetime * 1000 - 1000
      expect(nonces.use(early)).toBe(true)
      now += 1000
      expect(nonces.use(late)).toBe(false)
    }
  })

  it('outlives a clock that is set back, and is still good once', () => {
    const nonces = make()
    const nonce = nonces.issue()
    now -= 7200_000
    expect(nonces.use(nonce)).toBe(true)
    expect(nonces.use(nonce)).toBe(false)
  })

  it('does not outlive its process, used or not', () => {
    const before = make()
    const [used, unused] = [before.issue(), before.issue()]
    before.use(used)
    const after = make()
    for (let i = 0; i < 10; i++) after.issue()
    expect(after.use(used)).toBe(false)
    expect(after.use(unused)).toBe(false)
  })
})

describe('the window', () => {
  it('holds so many of the latest, used or not', () => {
    const nonces = make({ window: 16 })
    const issued = Array.from({ length: 100 }, () => nonces.issue())
    const results = issued.map((nonce) => nonces.use(nonce))
    expect(results).toEqual([...Array(84).fill(false), ...Array(16).fill(true)])
    expect(issued.map((nonce) => nonces.use(nonce))).toEqual(Array(100).fill(false))
  })

  it('never lets a used one come again, however many are issued and used meanwhile', () => {
    const used = new Set<string>()
    const open: string[] = []
    const nonces = make({ window: 24 })
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 200 }), { maxLength: 100 }), (steps) => {
        for (const step of steps) {
          if (step % 3 === 0 || open.length === 0) open.push(nonces.issue())
          else {
            const nonce = open[step % open.length]!
            const good = nonces.use(nonce)
            expect(good).toBe(!used.has(nonce) && open.length - open.indexOf(nonce) <= 24)
            if (good) used.add(nonce)
          }
        }
      }),
    )
  })
})

describe('what was not issued', () => {
  it('is any nonce of which a bit was changed', () => {
    const nonces = make()
    const nonce = Buffer.from(nonces.issue(), 'base64url')
    for (let bit = 0; bit < nonce.length * 8; bit++) {
      const changed = Buffer.from(nonce)
      changed[bit >> 3]! ^= 0x80 >> (bit & 7)
      expect(nonces.use(changed.toString('base64url')), `bit ${bit}`).toBe(false)
    }
    expect(nonces.use(nonce.toString('base64url'))).toBe(true)
  })

  it('is a second spelling of one that was', () => {
    const nonces = make()
    const nonce = nonces.issue()
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = alphabet.indexOf(nonce.at(-1)!)
    for (const other of [last + 1, last + 2, last + 3])
      expect(nonces.use(nonce.slice(0, -1) + alphabet[other])).toBe(false)
    for (const other of [
      `${nonce}=`,
      `${nonce} `,
      ` ${nonce}`,
      nonce.slice(0, -1),
      `${nonce}A`,
      nonce.replace(/^./, '$&\n'),
    ]) {
      expect(nonces.use(other)).toBe(false)
    }
    expect(nonces.use(nonce)).toBe(true)
  })

  it('is any other text', () => {
    const nonces = make()
    nonces.issue()
    fc.assert(fc.property(fc.string(), (text) => !nonces.use(text)))
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 26, maxLength: 26 }),
        (octets) => !nonces.use(Buffer.from(octets).toString('base64url')),
      ),
    )
  })
})

describe('spending', () => {
  it('uses the nonce', () => {
    const nonces = make()
    const nonce = nonces.issue()
    nonces.spend(nonce)
    expect(nonces.use(nonce)).toBe(false)
  })

  it('says badNonce, in the words that acme.sh looks for, to replays and strangers, and to who has none', async () => {
    const nonces = make()
    const nonce = nonces.issue()
    nonces.spend(nonce)
    for (const bad of [nonce, 'bm9uY2U', make().issue()]) {
      await expectAcmeError(() => nonces.spend(bad), 'badNonce', /^JWS has an invalid anti-replay nonce/)
    }
    await expectAcmeError(() => nonces.spend(null), 'badNonce', /^JWS has no anti-replay nonce/)
  })
})
