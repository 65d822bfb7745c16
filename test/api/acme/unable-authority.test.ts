import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { newAuthority } from '../new-authority.ts'
import { csrDer } from '../requests.ts'
import { AcmeCa } from './acme-ca.ts'
import type { AcmeClient } from './client.ts'

let acme: AcmeCa
let client: AcmeClient
beforeEach(async () => {
  acme = await AcmeCa.create(
    { profiles: ['server', 'client'] },
    { profiles: { server: { authority: 'lab' } } },
  )
  client = await acme.client()
})
afterEach(() => acme.close())

const order = (fields = {}) => client.newOrder(['localhost'], fields)

test('an authority that the profile names and that does not issue is named, before anything is proven and at the end', async () => {
  await acme.refuses(() => order(), 503, 'serverInternal', /no authority "lab"/)
  await newAuthority(acme.ca, 'lab')
  const ready = await order()
  await client.authorize(ready, acme.solve)
  const body = { phase: 'retired', force: ['successor'] }
  const retired = await acme.ca.call('/v1/authorities/lab/phase', { body })
  expect(retired.status, retired.text).toBe(200)
  await acme.refuses(
    () => client.finalize(ready.json.finalize, csrDer(['dns:localhost'])),
    503,
    'serverInternal',
    /"lab" does not issue/,
  )
  await acme.refuses(() => order(), 503, 'serverInternal', /"lab" does not issue/)
})

test('a profile none of whose purposes the authority may certify is refused before anything is proven', async () => {
  const { authorities } = acme.ca.service
  const limited = { ...authorities.issuing(), purposeLimits: [['1.3.6.1.5.5.7.3.1']] }
  vi.spyOn(authorities, 'issuing').mockReturnValue(limited)
  await acme.refuses(
    () => order({ profile: 'client' }),
    503,
    'serverInternal',
    /every purpose of profile "client"/,
  )
})
