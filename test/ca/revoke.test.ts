import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Origin, Principal } from '../../src/auth/principal.ts'
import type { RevocationWish } from '../../src/ca/revoke.ts'
import { REASON } from '../../src/pki/crl/reasons.ts'
import { TestCa } from '../api/ca-fixture.ts'
import { csrPem } from '../api/requests.ts'

/** As an application that embeds the CA calls it, whose wishes no schema has seen. */
const ADMIN: Principal = { kind: 'admin', id: 'admin:application' }
const ORIGIN: Origin = { address: '', requestId: 'job-1' }

let ca: TestCa
let serialNumber: string
beforeAll(async () => {
  ca = await TestCa.create()
  serialNumber = (await ca.enrol(csrPem(['dns:web.example.test']))).serialNumber
})
afterAll(() => ca.close())

const revoke = (reason: unknown) =>
  ca.service.revoker.revoke(serialNumber, { reason, invalidityDate: null } as RevocationWish, ADMIN, ORIGIN)

test.each([7, REASON.removeFromCRL, 99, 1.5, 'keyLost', undefined])(
  'a reason that no full CRL may have is refused, and nothing recorded: %s',
  async (reason) => {
    const refusal = { code: 'malformedRequest', detail: expect.stringContaining('Known: unspecified, ') }
    await expect(revoke(reason)).rejects.toMatchObject(refusal)
    const filter = { name: 'web.example.test', now: ca.seconds }
    const wish = { reason, invalidityDate: null } as RevocationWish
    await expect(ca.service.revoker.revokeAll(filter, wish, ADMIN, ORIGIN)).rejects.toMatchObject(refusal)
    expect(await ca.service.store.read.certificate(serialNumber)).toMatchObject({ revocation: null })
  },
)

test('a reason may be given by its name', async () => {
  expect(await revoke('superseded')).toMatchObject({ revocation: { reason: REASON.superseded } })
})
