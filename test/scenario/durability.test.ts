import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { decodePem } from '../../src/pki/pem.ts'
import { certificatesOf } from '../api/est/messages.ts'
import { csrDer } from '../api/requests.ts'
import { AcmeEnrolment, clientOf, must, newAcmeAccount } from './acme-enrolment.ts'
import { AcmeSite, sendOver } from './acme-site.ts'
import { newCsr } from './csr.ts'
import { missing } from './tools.ts'
import { type Acknowledged, TracedService } from './traced-service.ts'

vi.setConfig({ testTimeout: 120_000 })

const CLIENTS = 8
const EACH = 8

/** In the entry for CRLs alone, the serial number is followed by a UTCTime. */
function entryOf(serial: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x02, serial.length]), serial, Buffer.from([0x17, 0x0d])])
}

test.skipIf(missing('strace'))(
  'each acknowledgement leaves after a sync that began after its row was written',
  async () => {
    const traced = await TracedService.start()
    const { rest } = traced
    const acknowledged: Acknowledged[] = []
    const client = async (index: number) => {
      for (let n = 0; n < EACH; n++) {
        const name = `n${n}.c${index}.example.test`
        const { id, token } = await rest.json<{ id: number; token: string }>('POST', '/v1/tokens', {
          body: { names: { dns: [name] } },
        })
        const row = createHash('sha256').update(token).digest()
        acknowledged.push({ what: `token ${id}`, row, answer: `"token":"${token}"` })
        const { serialNumber } = await rest.json<{ serialNumber: string }>('POST', '/v1/certificates', {
          bearer: token,
          body: { csr: newCsr(name) },
        })
        const serial = Buffer.from(serialNumber, 'hex')
        acknowledged.push({
          what: `certificate ${serialNumber}`,
          row: serial,
          answer: `"serialNumber":"${serialNumber}"`,
        })
        if (n % 2) continue
        await rest.json('POST', `/v1/certificates/${serialNumber}/revoke`, { body: { reason: 'superseded' } })
        const entry = entryOf(serial)
        acknowledged.push({ what: `revocation ${serialNumber}`, row: entry, answer: '"reason":"superseded"' })
      }
    }
    await Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)))
    const { syncs } = await traced.expectDurable(acknowledged)
    // Many shared a sync: the order was shown under a load that groups commits.
    expect(syncs.length).toBeLessThan(acknowledged.length)
  },
)

test.skipIf(missing('strace'))(
  'certificates by ACME and EST, and revocations by ACME, leave after the sync of their rows as well',
  async () => {
    const names = Array.from({ length: CLIENTS }, (_, index) => `acme-${index}.example.test`)
    await using site = await AcmeSite.create(names)
    const file = join(site.directory, 'chancery.yaml')
    const options = JSON.parse(readFileSync(file, 'utf8'))
    writeFileSync(file, JSON.stringify({ ...options, est: { names: ['example.test'] } }))
    const traced = await TracedService.start(site.directory)
    const { rest } = traced
    const acknowledged: Acknowledged[] = []
    const send = sendOver(rest)
    const account = await newAcmeAccount(send)
    const byAcme = async (name: string) => {
      const enrolment = new AcmeEnrolment(account, name)
      const client = clientOf(account, send)
      await enrolment.pursue(client, site.solve)
      const { serialNumber } = enrolment.certificate!
      acknowledged.push({
        what: `certificate ${serialNumber} by ACME`,
        row: Buffer.from(serialNumber, 'hex'),
        // In the order, once it is valid.
        answer: `/certificate/${serialNumber}`,
      })
      const [leaf] = decodePem(enrolment.certificate!.pem, 'the leaf')
      const revoked = must(await client.revoke(leaf!.der), 200)
      const entry = entryOf(Buffer.from(serialNumber, 'hex'))
      // The answer is empty, but no other has its nonce.
      const answer = String(revoked.headers['replay-nonce'])
      acknowledged.push({ what: `${serialNumber} revoked by ACME`, row: entry, answer })
    }
    const byEst = async (index: number) => {
      const user = `est-${index}`
      const { password } = await rest.json<{ password: string }>('POST', '/v1/est/users', {
        body: { name: user },
      })
      const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
      const { status, body } = await rest.call('POST', '/.well-known/est/simpleenroll', {
        bearer: null,
        body: csrDer([`dns:${user}.example.test`]).toString('base64'),
        headers: { authorization, 'content-type': 'application/pkcs10' },
      })
      expect(status, body.toString()).toBe(200)
      const [leaf] = certificatesOf(body)
      const { serialNumber } = leaf!
      acknowledged.push({
        what: `certificate ${serialNumber} by EST`,
        row: Buffer.from(serialNumber, 'hex'),
        answer: body.toString('latin1'),
      })
    }
    await Promise.all([...names.map(byAcme), ...names.map((_, index) => byEst(index))])
    expect(acknowledged).toHaveLength(3 * CLIENTS)
    await traced.expectDurable(acknowledged)
  },
)
