import type { RawOptions } from '../../src/config/config.ts'
import { AcmeCa } from '../api/acme/acme-ca.ts'
import { csrDer, csrPem } from '../api/requests.ts'

const HOUR = 3_600_000

/** A CA after some weeks of life: certificates of many ages and states, requests that wait, tokens, keys for ACME. */
export async function sampleCa(options: RawOptions = {}): Promise<AcmeCa> {
  const profiles = { 'code-signing': { extends: 'client', approval: 'enrol' } }
  const acme = await AcmeCa.create({ validation: { patience: '0s' } }, { ...options, profiles })
  const { ca } = acme
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
  const client = await acme.client({ termsOfServiceAgreed: true, contact: ['mailto:ops@example.test'] })
  const order = await client.newOrder(['localhost'])
  await client.authorize(order, acme.solve)
  await client.finalize(order.json.finalize, csrDer(['dns:localhost']))
  await client.newOrder(['localhost', { type: 'ip', value: '127.0.0.1' }])
  return acme
}
