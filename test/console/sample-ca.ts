import type { RawOptions } from '../../src/config/config.ts'
import { TestCa } from '../api/ca-fixture.ts'
import { csrPem } from '../api/requests.ts'

const HOUR = 3_600_000

/** A CA after some weeks of life: certificates of many ages and states, requests that wait, tokens, keys for ACME. */
export async function sampleCa(options: RawOptions = {}): Promise<TestCa> {
  const ca = await TestCa.create({
    options: { ...options, profiles: { 'code-signing': { extends: 'client', approval: 'enrol' } } },
  })
  const names = ['web', 'api', 'mail', 'db', 'cache', 'queue', 'login', 'shop', 'status', 'git']
  for (let day = 0; day < 30; day++) {
    for (let turn = 0; turn <= (day * 7) % 4; turn++) {
      const name = `dns:${names[(day + turn * 3) % names.length]}${day % 3}.example.test`
      const issued = await ca.enrol(csrPem([name]), { validity: `${10 + ((day * 13 + turn * 5) % 50)}d` })
      if ((day + turn) % 7 === 3) {
        const reason = turn % 2 ? 'superseded' : 'keyCompromise'
        await ca.call(`/v1/certificates/${issued.serialNumber}/revoke`, { body: { reason } })
      }
    }
    ca.now += 24 * HOUR
  }
  const held = await ca.enrol(csrPem(['dns:held.example.test']))
  await ca.call(`/v1/certificates/${held.serialNumber}/revoke`, { body: { reason: 'certificateHold' } })
  for (const name of ['builds', 'releases']) {
    const { token } = await ca.token({
      profile: 'code-signing',
      names: { uri: [`spiffe://example.test/${name}`, `spiffe://example.test/${name}/nightly`] },
      ttl: '7d',
    })
    const csr = csrPem([`uri:spiffe://example.test/${name}`, `uri:spiffe://example.test/${name}/nightly`])
    await ca.call('/v1/certificates', { as: token, body: { csr, profile: 'code-signing' } })
  }
  await ca.token({ names: { dns: ['new.example.test'] }, ttl: '2d' })
  await ca.call('/v1/acme/eab-keys', { body: { names: ['example.test'], singleUse: false, ttl: '90d' } })
  await ca.call('/v1/acme/eab-keys', { body: {} })
  return ca
}
