import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Authority } from '../../src/ca/authority.ts'
import { CaCertificates } from '../../src/est/ca-certificates.ts'
import type { Label } from '../../src/est/labels.ts'
import { make } from '../api/est/device-hierarchy.ts'
import { certificatesOf } from '../api/est/messages.ts'

const DAY = 86_400_000
const root = make('Root', null, { ca: true, to: 30 })
const issuing = make('Issuing', root, { ca: true, to: 2 })
const label = { authority: undefined, profile: { name: 'server' } } as Label
const end = new X509Certificate(issuing.der).validToDate.getTime()

/** Authorities of which `chain` is all that they have beside the root. */
function publishing(chain: readonly Buffer[]) {
  const now = { ms: end - DAY }
  const has = { chain }
  const source = {
    publishedFor: () => [{ id: 'issuing' } as Authority],
    pathsFor: () => [{ certificates: has.chain, root: root.der, until: 0 }],
    roots: () => [root.der],
    crossCertificates: () => [],
  }
  const certificates = new CaCertificates(source, () => new Date(now.ms))
  const names = () =>
    certificatesOf(Buffer.from(certificates.for(label).toString('base64')))
      .map(({ subject }) => subject)
      .sort()
  return { now, has, certificates, names }
}

test('what cacerts says is made once, as long as nothing changes', () => {
  const { now, has, certificates, names } = publishing([issuing.der])
  const first = certificates.for(label)
  now.ms += 1000
  expect(certificates.for(label)).toBe(first)
  has.chain = [make('Next', root, { ca: true }).der]
  expect(certificates.for(label)).not.toBe(first)
  expect(names()).toEqual(['CN=Next', 'CN=Root'])
})

test('a certificate leaves it in the second in which it ends, and is back where the clock is set back', () => {
  const { now, names } = publishing([issuing.der])
  now.ms = end - 1
  expect(names()).toEqual(['CN=Issuing', 'CN=Root'])
  now.ms = end
  expect(names()).toEqual(['CN=Root'])
  now.ms = end + DAY
  expect(names()).toEqual(['CN=Root'])
  now.ms = end - 1
  expect(names()).toEqual(['CN=Issuing', 'CN=Root'])
})
