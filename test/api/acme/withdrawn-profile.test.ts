import { expect, test } from 'vitest'
import { csrDer } from '../requests.ts'
import { AcmeCa } from './acme-ca.ts'

test('an order whose profile is not offered any more gets no certificate: invalidProfile', async () => {
  const profiles = ['server', 'peer']
  const acme = await AcmeCa.create({ profiles })
  try {
    const client = await acme.client()
    const order = await client.newOrder(['localhost'], { profile: 'peer' })
    await client.authorize(order, acme.solve)
    // As the configuration is at the next start.
    profiles.pop()
    await acme.ca.reopen()
    client.forgetNonces()
    const before = await acme.ca.inventory()
    const { status, json } = await client.finalize(order.json.finalize, csrDer(['dns:localhost']))
    expect([status, json.type]).toEqual([400, 'urn:ietf:params:acme:error:invalidProfile'])
    expect(await acme.ca.inventory()).toEqual(before)
  } finally {
    await acme.close()
  }
})
