import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { stapleRequest } from '../../src/ocsp/staple.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { TestCa } from '../api/ca-fixture.ts'
import { csrPem } from '../api/requests.ts'
import { eventually } from '../eventually.ts'
import { readAnswer } from '../ocsp/answer.ts'
import { hanging } from '../store/hung-writer.ts'

vi.mock('../../src/store/threads.ts', async (original) => {
  const { hangingThreads } = await import('../store/hung-writer.ts')
  return hangingThreads(await original())
})

let ca: TestCa
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  ca = await TestCa.create({ options: { ocsp: { signer: 'delegated' } } })
})
afterEach(async () => {
  vi.useRealTimers()
  await ca.close()
})

async function signerOf(serialNumber: string): Promise<string> {
  const issuer = ca.service.authorities.get('intermediate')!
  const { der } = await ca.service.ocsp.respond(stapleRequest(issuer, serialNumber))
  return parseCertificate(readAnswer(der, issuer).certificates![0]!).serialNumber
}

test('a responder that was revoked while the disk hung signs nothing once the disk goes on', async () => {
  const { serialNumber } = await ca.enrol(csrPem(['dns:web.example.test']))
  const signer = await signerOf(serialNumber)
  hanging.hang()
  let status = 0
  const body = { reason: 'keyCompromise' }
  const asked = ca.call(`/v1/certificates/${signer}/revoke`, { body }).then((answer) => {
    status = answer.status
  })
  await eventually(() => {
    vi.advanceTimersByTime(1000)
    expect(status).toBe(503)
  })
  await asked
  hanging.goOn()
  await eventually(async () => expect(await signerOf(serialNumber)).not.toBe(signer))
  await eventually(() => expect(ca.service.crl.current('intermediate')).toMatchObject({ entries: 1 }))
})
