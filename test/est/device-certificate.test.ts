import { X509Certificate } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { DeviceTrust } from '../../src/est/device-certificate.ts'
import { make } from '../api/est/device-hierarchy.ts'
import { newKey } from '../api/requests.ts'
import { expectRefusal } from '../pki/refusal.ts'

test('certificates that all fit each other are not tried in every order', () => {
  const key = newKey()
  const first = make('Manufacturer CA', null, { ca: true, key })
  const alike = Array.from({ length: 6 }, () => make('Manufacturer CA', first, { ca: true, key }))
  const leaf = make('pump', first)
  const trust = new DeviceTrust([make('Another CA', null, { ca: true }).der])
  const verify = vi.spyOn(X509Certificate.prototype, 'verify')
  const peer = { certificate: leaf.der, others: alike.map(({ der }) => der) }
  expect(() => trust.prove(peer, systemClock())).toThrow('issued neither by this CA')
  expect(verify.mock.calls.length).toBeLessThanOrEqual(7 * 6)
  verify.mockRestore()
})

test('a device is known by way of the CAs that it sends along, in any order', () => {
  const root = make('Root', null, { ca: true })
  const upper = make('Upper', root, { ca: true })
  const lower = make('Lower', upper, { ca: true })
  const { der: certificate } = make('pump', lower)
  const prove = (others: readonly Buffer[]) =>
    new DeviceTrust([root.der]).prove({ certificate, others }, systemClock())
  prove([upper.der, lower.der])
  prove([lower.der, upper.der, root.der])
  expect(() => prove([upper.der])).toThrow('issued neither by this CA')
})

test('a trust anchor that OpenSSL cannot read is refused by its name, with what to look at', () => {
  const { der } = make('Maker', null, { ca: true })
  // A VisibleString, which no name may have.
  const strange = Buffer.from(der.toString('latin1').replaceAll('\x0c\x05Maker', '\x1a\x05Maker'), 'latin1')
  expectRefusal(
    () => new DeviceTrust([strange]),
    'badConfiguration',
    /OpenSSL cannot read the trust anchor "CN=#1a054d616b6572"/,
  )
})
