import { expect, test } from 'vitest'
import { namesByType, namesFrom } from '../../src/cli/names.ts'
import { detectName } from '../../src/pki/names/normalise.ts'

test.each([
  ['web.example.test', 'dns', 'web.example.test'],
  ['WEB.Example.test', 'dns', 'web.example.test'],
  ['*.example.test', 'dns', '*.example.test'],
  ['localhost', 'dns', 'localhost'],
  ['10.0.0.1', 'ip', '10.0.0.1'],
  ['2001:DB8:0::1', 'ip', '2001:db8::1'],
  ['spiffe://example.test/ns/a', 'uri', 'spiffe://example.test/ns/a'],
  ['urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6', 'uri', 'urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6'],
  ['a@example.test', 'email', 'a@example.test'],
])('%s is of type %s', (text, type, value) => {
  expect(detectName(text)).toEqual({ type, value })
})

test.each(['localhost:8443', '10.0.0.256', 'a b', '', 'https://'])('%j is no name', (text) => {
  expect(() => detectName(text)).toThrow('badName')
})

test('names are joined from every option, each once', () => {
  const names = namesFrom({
    name: ['a.test', '10.0.0.1'],
    dns: ['A.test', 'b.test'],
    uri: ['spiffe://a.test/x'],
  })
  expect(namesByType(names)).toEqual({
    dns: ['a.test', 'b.test'],
    ip: ['10.0.0.1'],
    uri: ['spiffe://a.test/x'],
  })
})
