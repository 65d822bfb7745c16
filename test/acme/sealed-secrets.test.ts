import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { SealedSecrets } from '../../src/acme/sealed-secrets.ts'

const secret = randomBytes(64)
const passphrase = 'the passphrase'
const secrets = new SealedSecrets(passphrase)

test('what was sealed comes back, also after a restart, and no two seals are alike', async () => {
  const [first, second] = await Promise.all([secrets.seal(secret), secrets.seal(secret)])
  expect(await secrets.unseal(first)).toEqual(secret)
  const restarted = new SealedSecrets(passphrase)
  for (const sealed of [first, second, await restarted.seal(secret)]) {
    expect(sealed.includes(secret)).toBe(false)
    expect(await restarted.unseal(sealed)).toEqual(secret)
  }
  // Same key, so another IV is what keeps them apart.
  expect(first.subarray(16, 28).equals(second.subarray(16, 28))).toBe(false)
  expect(await secrets.unseal(await secrets.seal(Buffer.alloc(0)))).toEqual(Buffer.alloc(0))
})

test('another passphrase opens nothing', async () => {
  const sealed = await secrets.seal(secret)
  await expect(new SealedSecrets('another passphrase').unseal(sealed)).rejects.toMatchObject({
    code: 'internal',
    detail: expect.stringContaining('another passphrase'),
  })
})

test('a change of any part is noticed: salt, IV, tag, text, length', async () => {
  const sealed = await secrets.seal(secret)
  for (const index of [0, 15, 16, 27, 28, 43, 44, sealed.length - 1]) {
    const changed = Buffer.from(sealed)
    changed[index]! ^= 1
    await expect(secrets.unseal(changed), `octet ${index}`).rejects.toMatchObject({ code: 'internal' })
  }
  for (const length of [sealed.length - 1, 44]) {
    await expect(secrets.unseal(sealed.subarray(0, length))).rejects.toMatchObject({ code: 'internal' })
  }
})
