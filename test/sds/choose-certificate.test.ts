import { status } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { grpcError } from '../../src/api/sds/grpc-error.ts'
import { chooseCertificate } from '../../src/sds/choose-certificate.ts'
import type { Store } from '../../src/store/store.ts'
import { DAY, issuance, NOW, revocation, serial } from '../store/records.ts'
import { issueMany, temporaryStore } from '../store/temporary.ts'

/** What "self" means for who shows the certificate 0, and how often the store was asked for it. */
async function self(store: Store) {
  let reads = 0
  const read = new Proxy(store.read, {
    get(target, name) {
      reads++
      return Reflect.get(target, name) as unknown
    },
  })
  const principal = { kind: 'certificate', id: `certificate:${serial(0)}`, serialNumber: serial(0) } as const
  const parts = { clock: () => new Date(NOW * 1000), store: { read }, config: { sds: { clients: [] } } }
  const wish = { choice: { by: 'self' }, purpose: 'serverAuth' } as const
  const { serialNumber } = await chooseCertificate(wish, principal, parts as never)
  return { serialNumber, reads }
}

const names = [{ type: 'dns', value: 'edge.example.test' }] as const

/** Each the renewal of the one before. */
const line = (n: number) => ({ names, replaces: n === 0 ? null : serial(n - 1) })

test('whoever was renewed many times is found at once, and too many times not at all', async () => {
  const store = await temporaryStore()
  await issueMany(store, 1001, line)
  expect(await self(store)).toEqual({ serialNumber: serial(1000), reads: 3 })
  await store.write('recordIssuance', issuance(1001, line(1001)))
  const refusal = await self(store).catch((error: unknown) => error)
  expect(refusal).toMatchObject({ code: 'conflict', detail: expect.stringMatching(/show a newer one/) })
  expect(grpcError(refusal)).toMatchObject({
    code: status.FAILED_PRECONDITION,
    details: expect.stringMatching(/show a newer one/),
  })
})

test('of two renewals the newer one, none that is revoked and none that begins later', async () => {
  const store = await temporaryStore()
  await issueMany(store, 1, line)
  expect(await self(store)).toEqual({ serialNumber: serial(0), reads: 2 })
  await store.write('recordIssuance', issuance(1, { names, replaces: serial(0) }))
  await store.write('recordIssuance', issuance(2, { names, replaces: serial(0) }))
  expect((await self(store)).serialNumber).toBe(serial(2))
  await store.write('recordIssuance', issuance(3, { names, replaces: serial(2) }))
  await store.write('revoke', revocation(3))
  expect((await self(store)).serialNumber).toBe(serial(2))
  await store.write('recordIssuance', issuance(4, { names, replaces: serial(2), notBefore: NOW + DAY }))
  expect((await self(store)).serialNumber).toBe(serial(2))
})
