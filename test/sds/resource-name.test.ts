import { expect, test } from 'vitest'
import { parseResourceName } from '../../src/sds/resource-name.ts'
import { refusal } from '../pki/refusal.ts'

const certificate = {
  kind: 'certificate',
  keyFile: '/etc/envoy/web.key',
  purpose: 'serverAuth',
  staple: true,
} as const

test.each([
  ['roots', { kind: 'trust', bundle: 'roots', crl: true }],
  ['intermediate?crl=none', { kind: 'trust', bundle: 'intermediate', crl: false }],
  [
    'dns:WEB.example.test?key=/etc/envoy/web.key',
    { ...certificate, choice: { by: 'name', name: { type: 'dns', value: 'web.example.test' } } },
  ],
  [
    'uri:spiffe://example.test/web?a?key=/etc/envoy/web.key',
    null, // a SPIFFE ID has no query
  ],
  [
    'uri:spiffe://example.test/web?key=/etc/envoy/web.key&use=client&staple=none',
    {
      ...certificate,
      purpose: 'clientAuth',
      staple: false,
      choice: { by: 'name', name: { type: 'uri', value: 'spiffe://example.test/web' } },
    },
  ],
  ['serial:40:AB?key=/etc/envoy/web.key', { ...certificate, choice: { by: 'serial', serialNumber: '40ab' } }],
  ['self?key=/etc/envoy/web.key', { ...certificate, choice: { by: 'self' } }],
])('%s', (text, expected) => {
  if (expected) expect(parseResourceName(text)).toEqual(expected)
  else expect(refusal(() => parseResourceName(text)).code).toBe('badName')
})

test.each([
  ['', 'Names of secrets are'],
  ['Roots', 'Names of secrets are'],
  ['roots?crl=some', '"crl" is all or none'],
  ['roots?key=/x', '"key" is not known there'],
  ['self', 'the absolute path'],
  ['self?key=web.key', 'the absolute path'],
  ['self?key=/etc/\nx', 'the absolute path'],
  ['self?key=/a&key=/b', 'Names of secrets are'],
  ['self?key=/a&use=both', '"use" is server or client'],
  ['self?key=/a&crl=none', '"crl" is not known there'],
  ['dns:?key=/a', 'Names of secrets are'],
  ['host:web?key=/a', 'Names of secrets are'],
])('%j is refused', (text, expected) => {
  const { code, detail } = refusal(() => parseResourceName(text))
  expect([code, detail]).toEqual(['malformedRequest', expect.stringContaining(expected)])
})
