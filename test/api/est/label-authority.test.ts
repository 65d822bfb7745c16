import type { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeIntermediateCertificate } from '../../../src/ca/hierarchy/ca-certificate.ts'
import { openRoot } from '../../../src/ca/hierarchy/root.ts'
import { parseCsr } from '../../../src/pki/csr/parse.ts'
import { decodePem, encodePem } from '../../../src/pki/pem.ts'
import { DAY, ROOT_PASSPHRASE } from '../ca-fixture.ts'
import { csrDer, keyPem, newKey } from '../requests.ts'
import { renaming } from './attributed-csr.ts'
import { EstCa } from './est-ca.ts'
import { certificatesOf } from './messages.ts'

const NAMES = ['dns:pump.example.test']

let est: EstCa
beforeAll(async () => {
  est = await EstCa.create({
    profiles: { watched: { extends: 'server', approval: 'always' } },
    est: {
      names: ['example.test'],
      labels: {
        lab: { authority: 'lab', changeNames: true },
        watched: { authority: 'lab', profile: 'watched' },
      },
    },
  })
  const { ca } = est
  await ca.call('/v1/authorities', { body: { id: 'lab', subject: 'CN=Lab CA' } })
  const { text } = await ca.call('/v1/authorities/lab/csr')
  const csr = parseCsr(decodePem(text, 'CSR')[0]!.der)
  const root = await openRoot(join(ca.directory, 'root-offline'), ROOT_PASSPHRASE)
  const wish = {
    subject: csr.subject,
    spki: csr.publicKey.spki,
    pathLength: 0,
    nameConstraints: null,
    validity: 365 * DAY,
    urls: null,
  }
  const made = await makeIntermediateCertificate(wish, root.certificate, 'root', root.signer, ca.clock())
  const installed = await ca.call('/v1/authorities/lab/certificate', {
    method: 'PUT',
    body: encodePem('CERTIFICATE', made.der) + ca.rootPem,
    headers: { 'content-type': 'application/pem-certificate-chain' },
  })
  expect(installed.status, installed.text).toBe(200)
})
afterAll(() => est.close())

async function lab(): Promise<X509Certificate> {
  const { body } = await est.ask({ at: 'lab/cacerts', method: 'GET' })
  return certificatesOf(body).find(({ subject }) => subject === 'CN=Lab CA')!
}

test('a re-enrolment comes from the authority of the label, whose chain cacerts gives, as the enrolment did', async () => {
  const key = newKey()
  const csr = csrDer(NAMES, { key })
  const first = await est.enrolled({ at: 'lab/simpleenroll', csr, user: await est.user() })
  const issuer = await lab()
  expect(first.verify(issuer.publicKey)).toBe(true)
  const identity = { key: keyPem(key), certificate: first.toString() }
  const second = await est.enrolled({ at: 'lab/simplereenroll', csr: csrDer(NAMES), identity })
  expect(second.verify(issuer.publicKey)).toBe(true)
  const [row] = await est.ca.certificates()
  expect(row).toMatchObject({ authority: 'lab', replaces: first.serialNumber.toLowerCase() })
})

test('and so where a person approves it', async () => {
  const key = newKey()
  const { identity } = await est.holder(NAMES, { profile: 'watched' })
  const call = { at: 'watched/simplereenroll', csr: csrDer(NAMES, { key }), identity }
  const { status, headers, text } = await est.ask(call)
  expect(status, text).toBe(202)
  const id = headers['chancery-request']
  const approved = await est.ca.call(`/v1/requests/${id}/approve`, { body: {} })
  expect(approved.status, approved.text).toBe(201)
  expect(approved.json.authority).toBe('lab')
})

const BOTH = [...NAMES, 'dns:valve.example.test']

test.each([
  ['as they are', () => csrDer(BOTH)],
  ['that change', () => renaming(BOTH, NAMES)],
])('a label gives its authority to certificates of its own profile alone, with names %s', async (_, csr) => {
  const { identity } = await est.holder(BOTH, { profile: 'peer' })
  await est.enrolled({ at: 'lab/simplereenroll', csr: csr(), identity })
  const [row] = await est.ca.certificates()
  expect(row).toMatchObject({ authority: 'intermediate', profile: 'peer' })
})

test('a re-enrolment that changes names comes from the authority of the label', async () => {
  const { identity } = await est.holder(NAMES)
  await est.enrolled({
    at: 'lab/simplereenroll',
    csr: renaming(NAMES, ['dns:valve.example.test']),
    identity,
  })
  const [row] = await est.ca.certificates()
  expect(row).toMatchObject({ authority: 'lab', profile: 'server' })
})
