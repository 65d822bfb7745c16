import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openChancery, readCsr, type Service } from '../src/index.ts'
import { csrDer, csrPem } from './api/requests.ts'

/** The CA without HTTP, by what README.md says of it. */
const directory = mkdtempSync(join(tmpdir(), 'chancery-direct-'))
let ca: Service
beforeAll(async () => {
  ca = await openChancery({ directory, publicUrl: 'http://ca.example.test' })
})
afterAll(async () => {
  await ca.close()
  rmSync(directory, { recursive: true })
})

const by = { kind: 'admin', id: 'admin:billing' } as const
const from = { address: '', requestId: 'invoice-17' }

test('an application issues and revokes by itself, and is on record with it', async () => {
  const csr = csrPem(['dns:web.example.test'])
  const { certificate } = await ca.issuer.issue(
    () => ({ proof: { kind: 'csr', csr: readCsr(csr) }, profile: 'server' }),
    by,
    from,
  )
  const [issuer] = ca.authorities.chainFor(certificate)
  expect(new X509Certificate(certificate.der).verify(new X509Certificate(issuer!).publicKey)).toBe(true)
  const wish = { reason: 'superseded', invalidityDate: null } as const
  expect(await ca.revoker.revoke(certificate.serialNumber, wish, by, from)).toMatchObject({ changed: true })
  const { rows } = await ca.store.read.listAudit({}, { limit: 2 })
  const known = { actor: 'admin:billing', requestId: 'invoice-17' }
  expect(rows).toMatchObject([
    { action: 'certificate.revoke', ...known },
    { action: 'certificate.issue', ...known },
  ])
})

test('a CSR is read as text, as a Buffer and as any octets, in PEM and in DER', () => {
  const der = csrDer(['dns:web.example.test'])
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
  for (const form of [pem, Buffer.from(pem), new Uint8Array(Buffer.from(pem)), der, new Uint8Array(der)])
    expect(Buffer.from(readCsr(form).der)).toEqual(der)
  for (const empty of ['', new Uint8Array()])
    expect(() => readCsr(empty)).toThrow(expect.objectContaining({ code: 'malformedCsr' }))
})
