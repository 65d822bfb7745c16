import { randomUUID } from 'node:crypto'
import { newCsr } from './csr.ts'
import type { ServiceProcess } from './harness.ts'
import type { Enrolment, Journal } from './journal.ts'
import { Published } from './published.ts'
import type { Rest } from './rest.ts'

const REASONS = ['keyCompromise', 'superseded', 'cessationOfOperation', 'unspecified'] as const
const CLIENTS = 8

/** Numbers from 0 up to but not including 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * Clients that enrol with one-time tokens, revoke, and read OCSP and CRL, all at once, over keep-alive connections, and
 * write down what they are told. Once `until` requests are acknowledged, and some milliseconds more went by, the next
 * enrolment that is sent has the service killed `delay` milliseconds later: with 0 it surely goes unanswered, with more
 * the kill may hit any moment of its life. Ends when every client has lost the service.
 */
export async function loadUntilKilled(
  service: ServiceProcess,
  journal: Journal,
  until: number,
  delay: number,
  random: () => number,
): Promise<void> {
  const rest = service.rest()
  const published = await Published.of(service)
  const doomed = { acknowledged: 0, armed: false, killed: false }
  const acknowledged = () => {
    if (++doomed.acknowledged !== until) return
    setTimeout(() => {
      doomed.armed = true
    }, random() * 25)
  }
  const kill = () => {
    doomed.killed = true
    service.signal('SIGKILL')
  }
  const sent = () => {
    if (!doomed.armed) return
    doomed.armed = false
    if (delay === 0) kill()
    else setTimeout(kill, delay)
  }
  const client = async () => {
    try {
      for (;;) {
        await enrolOnce(rest, journal, acknowledged, sent)
        if (random() < 0.35) await revokeOne(rest, published, journal, acknowledged, random)
        if (random() < 0.2) {
          const { der, number } = await published.crl()
          journal.sawCrlConcurrently(number, der)
        }
      }
    } catch (error) {
      if (!doomed.killed || !isConnectionError(error)) throw error
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  await service.ended()
  rest.close()
}

async function enrolOnce(
  rest: Rest,
  journal: Journal,
  acknowledged: () => void,
  sent: () => void,
): Promise<void> {
  const idempotencyKey = randomUUID()
  const name = `${idempotencyKey.slice(0, 8)}.load.example.test`
  const made = await rest.json<{ id: number; token: string }>('POST', '/v1/tokens', {
    body: { names: { dns: [name] } },
  })
  journal.tokenIds.add(made.id)
  acknowledged()
  const enrolment: Enrolment = {
    csr: newCsr(name),
    token: made.token,
    tokenId: made.id,
    idempotencyKey,
    serialNumber: null,
  }
  journal.enrolments.push(enrolment)
  const answered = repeat(rest, journal, enrolment)
  sent()
  await answered
  acknowledged()
}

/** Sends an enrolment, for the first time or again; its certificate must come back. */
export async function repeat(rest: Rest, journal: Journal, enrolment: Enrolment): Promise<void> {
  const { csr, token, idempotencyKey } = enrolment
  const answer = await rest.json<{ serialNumber: string; certificate: string }>('POST', '/v1/certificates', {
    bearer: token,
    body: { csr },
    headers: { 'idempotency-key': idempotencyKey },
  })
  journal.acknowledge(enrolment, answer.serialNumber, answer.certificate)
}

async function revokeOne(
  rest: Rest,
  published: Published,
  journal: Journal,
  acknowledged: () => void,
  random: () => number,
) {
  const candidates = [...journal.certificates.keys()].filter(
    (serial) => !journal.revocationsTried.has(serial),
  )
  const serial = candidates[Math.floor(random() * candidates.length)]
  if (serial === undefined) return
  journal.revocationsTried.add(serial)
  const reason = REASONS[Math.floor(random() * REASONS.length)]!
  const { revocation } = await rest.json<{ revocation: { revokedAt: string; reason: string } }>(
    'POST',
    `/v1/certificates/${serial}/revoke`,
    { body: { reason } },
  )
  journal.revocations.set(serial, { revokedAt: revocation.revokedAt, reason })
  acknowledged()
  // At once means at once: the acknowledgement is the latest moment.
  const status = await published.ocsp(serial)
  if (status !== 'revoked')
    throw new Error(`OCSP says ${status} of ${serial}, whose revocation was acknowledged`)
  const { serialNumbers } = await published.crl()
  if (!serialNumbers.has(serial))
    throw new Error(`the CRL lacks ${serial}, whose revocation was acknowledged`)
}

/** What a killed service does to its clients. An HTTP status, or a wrong answer, is none of these. */
export function isConnectionError(error: unknown): boolean {
  const { code, cause, message } = error as { code?: string; cause?: { code?: string }; message?: string }
  const codes = ['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'UND_ERR_SOCKET']
  return (
    codes.includes(code ?? '') ||
    codes.includes(cause?.code ?? '') ||
    /aborted|terminated|socket hang up|disconnected/.test(message ?? '')
  )
}
