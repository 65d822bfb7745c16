import { expect, test } from 'vitest'
import { DAY, TestCa } from '../api/ca-fixture.ts'
import { csrPem } from '../api/requests.ts'
import { agree } from './agreement.ts'
import { CrlHistory } from './crl-history.ts'
import { Model, type Real } from './model.ts'
import { move } from './passage.ts'

const NAME = 'uri:spiffe://example.test/a'

test('a certificate that was revoked after its end, and lives again where the clock is set back, is in every delta', async () => {
  const crl = { delta: true, partitions: 2, onRevocation: 'full' } as const
  const ca = await TestCa.create({ options: { crl } })
  const model = new Model(crl)
  const real: Real = { ca, crls: new CrlHistory(), start: ca.seconds }
  const view = await ca.enrol(csrPem([NAME]), { profile: 'spiffe' })
  model.acknowledge(view, [NAME])
  await agree(model, real)
  await move(model, real, 8 * DAY)
  await agree(model, real)
  const { status } = await ca.call(`/v1/certificates/${view.serialNumber}/revoke`, { body: {} })
  expect(status).toBe(200)
  model.revoke(model.at(0), 'unspecified', ca.seconds)
  await agree(model, real)
  for (const seconds of [-1, 1 - 8 * DAY]) {
    await move(model, real, seconds)
    await agree(model, real)
  }
  await ca.close()
})
