import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { seal, unseal } from '../../src/acme/sealed-secret.ts'

const secret = randomBytes(64)
const passphrase = 'the passphrase'

test('what was sealed comes back under its passphrase, and no two seals are alike', async () => {
  const [first, second] = await Promise.all([seal(secret, passphrase), seal(secret, passphrase)])
  expect(await unseal(first, passphrase)).toEqual(secret)
  expect(await unseal(second, passphrase)).toEqual(secret)
  expect(first.equals(second)).toBe(false)
  expect(first.includes(secret)).toBe(false)
  expect(await unseal(await seal(Buffer.alloc(0), passphrase), passphrase)).toEqual(Buffer.alloc(0))
})

test('another passphrase opens nothing', async () => {
  const sealed = await seal(secret, passphrase)
  await expect(unseal(sealed, 'another passphrase')).rejects.toMatchObject({
    code: 'internal',
    detail: expect.stringContaining('another passphrase'),
  })
})

test('a change of any part is noticed: salt, IV, tag, text, length', async () => {
  const sealed = await seal(secret, passphrase)
  for (const index of [0, 15, 16, 27, 28, 43, 44, sealed.length - 1]) {
    const changed = Buffer.from(sealed)
    changed[index]! ^= 1
    await expect(unseal(changed, passphrase), `octet ${index}`).rejects.toMatchObject({ code: 'internal' })
  }
  for (const length of [sealed.length - 1, 44]) {
    await expect(unseal(sealed.subarray(0, length), passphrase)).rejects.toMatchObject({ code: 'internal' })
  }
})
