import { expect, test } from 'vitest'
import { validationContext } from '../../../src/acme/validation/context.ts'
import { CaError } from '../../../src/errors.ts'

const clock = () => new Date(0)

test('a context has the ports and times of the RFCs unless it is told others', () => {
  const { httpPort, tlsPort, redirectPorts, timeout, caa } = validationContext({ clock })
  expect({ httpPort, tlsPort, redirectPorts, timeout, caa }).toEqual({
    httpPort: 80,
    tlsPort: 443,
    redirectPorts: [80, 443],
    timeout: 10,
    caa: false,
  })
})

test.each([
  [{ resolvers: ['ns.example.test'] }, 'acme.validation.resolvers: ["ns.example.test"] are no DNS servers'],
  [{ resolvers: ['10.0.0.53', '10.0.0.53:x'] }, 'are no DNS servers'],
  [{ denied: ['10.0.0.0/40'] }, 'acme.validation.deniedNetworks: "10.0.0.0/40" is no network'],
  [{ allowed: ['everything'] }, 'acme.validation.allowedNetworks: "everything" is no network'],
  [{ issuerDomains: ['CA.example'] }, 'is no issuer domain'],
  [{ issuerDomains: ['ca.example.'] }, 'is no issuer domain'],
])('%j is refused with what to do', (options, expected) => {
  const attempt = () => validationContext({ clock, ...options })
  expect(attempt).toThrow(CaError)
  expect(attempt).toThrow(expected)
  expect(attempt).toThrow('write ')
})

test('DNS servers may have ports, and addresses of either family', () => {
  validationContext({
    clock,
    resolvers: ['10.0.0.53', '10.0.0.53:5353', '2001:db8::53', '[2001:db8::53]:5353'],
  })
})
