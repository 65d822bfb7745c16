import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { ServiceProcess } from './harness.ts'
import { Journal } from './journal.ts'
import { Published } from './published.ts'
import type { Rest } from './rest.ts'

interface Row {
  readonly serialNumber: string
  readonly authority: string
  readonly principal: string
  readonly state: string
  readonly revocation: { readonly revokedAt: string; readonly reason: string } | null
}
interface Token {
  readonly id: number
  readonly state: string
  readonly spentOn: string | null
}
interface AuditEntry {
  readonly action: string
  readonly target: string
  readonly result: string
}

/**
 * What holds for every service at every moment, whatever happened to it: serial numbers are unique, every chain verifies,
 * tokens and certificates fit together, OCSP, CRL and inventory agree; and nothing that `journal` says was acknowledged is
 * lost. Reads everything that the service has through its public addresses. The default hierarchy only: P-256, one
 * intermediate.
 */
export async function checkInvariants(service: ServiceProcess, journal = new Journal()): Promise<void> {
  const rest = service.rest()
  try {
    const rows = await rest.all<'certificates', Row>('/v1/certificates', 'certificates')
    const bySerial = new Map(rows.map((row) => [row.serialNumber, row]))
    expect(bySerial.size, 'a serial number stands twice in the inventory').toBe(rows.length)
    await checkCertificates(service, rest, rows, journal)
    checkTokens(await rest.all<'tokens', Token>('/v1/tokens', 'tokens'), rows, journal)
    checkRevocations(bySerial, journal)
    await checkPublished(await Published.of(service), rows, journal)
    await checkAudit(rest, rows)
    const { status, body } = await rest.call('GET', '/readyz', { bearer: null })
    expect(status, body.toString()).toBe(200)
  } finally {
    rest.close()
  }
}

/** Each record is there whole, verifies up to the root, and is what was acknowledged. */
async function checkCertificates(
  service: ServiceProcess,
  rest: Rest,
  rows: readonly Row[],
  journal: Journal,
) {
  const root = new X509Certificate(readFileSync(service.rootFile))
  const found = new Map<string, string>()
  await inParallel(rows, async ({ serialNumber }) => {
    const { certificate, chain } = await rest.json<{ certificate: string; chain: string[] }>(
      'GET',
      `/v1/certificates/${serialNumber}`,
    )
    found.set(serialNumber, certificate)
    const leaf = new X509Certificate(certificate)
    expect(leaf.serialNumber.toLowerCase()).toBe(serialNumber)
    const path = [leaf, ...chain.map((pem) => new X509Certificate(pem)), root]
    for (const [index, issuer] of path.slice(1).entries()) {
      const subject = path[index]!
      expect(
        subject.checkIssued(issuer) && subject.verify(issuer.publicKey),
        `the chain of ${serialNumber}`,
      ).toBe(true)
    }
  })
  for (const [serialNumber, certificate] of journal.certificates) {
    expect(found.get(serialNumber), `certificate ${serialNumber} was acknowledged`).toBe(certificate)
  }
}

/** A token is spent exactly if there is a certificate for it, and there is never a second one. */
function checkTokens(tokens: readonly Token[], rows: readonly Row[], journal: Journal): void {
  const known = new Set(tokens.map(({ id }) => id))
  expect(known.size, 'a token stands twice').toBe(tokens.length)
  for (const id of journal.tokenIds) expect(known, `token ${id} was acknowledged`).toContain(id)
  const spentOn = tokens
    .filter(({ state }) => state === 'spent')
    .map(({ id, spentOn }) => `token:${id} ${spentOn}`)
  const issued = rows
    .filter(({ principal }) => principal.startsWith('token:'))
    .map(({ principal, serialNumber }) => `${principal} ${serialNumber}`)
  expect(issued.sort(), 'certificates by token, and what the tokens were spent on').toEqual(spentOn.sort())
  expect(tokens.filter(({ state, spentOn }) => (state === 'spent') !== (spentOn !== null))).toEqual([])
}

function checkRevocations(rows: ReadonlyMap<string, Row>, journal: Journal): void {
  for (const [serialNumber, facts] of journal.revocations) {
    const row = rows.get(serialNumber)
    expect(row?.revocation, `the revocation of ${serialNumber} was acknowledged`).toMatchObject(facts)
    expect(row?.state).toBe('revoked')
  }
}

/** OCSP and CRL tell of the same revocations as the inventory. */
async function checkPublished(published: Published, rows: readonly Row[], journal: Journal): Promise<void> {
  const crl = await published.crl()
  journal.sawCrl(crl.number, crl.der)
  const revoked = rows.filter(({ revocation }) => revocation).map(({ serialNumber }) => serialNumber)
  expect([...crl.serialNumbers].sort(), 'the entries of the CRL').toEqual(revoked.sort())
  await inParallel(rows, async ({ serialNumber, revocation }) => {
    expect(await published.ocsp(serialNumber), `OCSP of ${serialNumber}`).toBe(
      revocation ? 'revoked' : 'good',
    )
  })
}

async function checkAudit(rest: Rest, rows: readonly Row[]): Promise<void> {
  const entries = await rest.all<'entries', AuditEntry>('/v1/audit', 'entries')
  const told = (action: RegExp) =>
    entries.filter((one) => action.test(one.action) && one.result === 'ok').map(({ target }) => target)
  const issued = rows.map(({ serialNumber }) => serialNumber).sort()
  expect(told(/^certificate\.(issue|renew)$/).sort(), 'the audit of issuances').toEqual(issued)
  const revoked = rows.filter(({ revocation }) => revocation).map(({ serialNumber }) => serialNumber)
  expect(told(/^certificate\.revoke$/), 'the audit of revocations').toEqual(expect.arrayContaining(revoked))
}

/** A few at a time: enough to be quick, few enough to be no load test. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  const worker = async () => {
    for (const item of queue) await work(item)
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}
