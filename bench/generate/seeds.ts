import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { subjectAltName } from '../../src/pki/certificate/extensions.ts'
import { encodeCsr } from '../../src/pki/csr/encode.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import { nameText, type SubjectName } from '../../src/pki/names/san.ts'
import { drive, type Post } from '../load.ts'
import { type RunningService, startService } from '../processes.ts'

interface Enrolment {
  readonly profile: string
  readonly names: readonly SubjectName[]
  readonly key: KeyObject
  /** Else by the admin key. */
  readonly byToken: boolean
}

interface Issued {
  readonly serialNumber: string
  readonly certificate: string
}

const PROFILES = ['server', 'server', 'server', 'client', 'peer', 'server', 'short-lived', 'server'] as const
const REASONS = ['keyCompromise', 'superseded', 'cessationOfOperation', 'unspecified']
const DOMAINS = 40

/**
 * Has a real service, in a directory that stays, issue certificates over its API: `count` of several profiles with one to three
 * names, four of five by one-time tokens; then one in ten renews itself over mutual TLS, one in twenty is revoked, one in a
 * hundred put on hold.
 */
export async function issueSeeds(directory: string, count: number): Promise<void> {
  const service = await startService([], {}, undefined, directory)
  try {
    const admin = { authorization: `Bearer ${service.adminKey}`, 'content-type': 'application/json' }
    const enrolments = Array.from({ length: count }, (_, n) => enrolment(n))
    const tokens = await tokensFor(enrolments, service, admin)
    const posts = enrolments.map((one, n) => ({
      path: one.byToken ? '/v1/certificates' : `/v1/certificates?profile=${one.profile}`,
      headers: {
        authorization: one.byToken ? `Bearer ${tokens.get(n)}` : admin.authorization,
        'content-type': 'application/pkcs10',
      },
      body: csrOf(one),
    }))
    const issued = await ask<Issued>(service, posts)
    for (const [n, one] of issued.entries()) {
      if (n % 10 === 4) await renewItself(service, one, enrolments[n]!.key)
    }
    const ended = issued.filter((_, n) => n % 20 === 7 || n % 100 === 13)
    await ask(
      service,
      ended.map(({ serialNumber }, n) => ({
        path: `/v1/certificates/${serialNumber}/revoke`,
        headers: admin,
        body: json({ reason: n % 6 === 2 ? 'certificateHold' : REASONS[n % REASONS.length] }),
      })),
      200,
    )
  } finally {
    await service.stop()
  }
}

function enrolment(n: number): Enrolment {
  const profile = PROFILES[n % PROFILES.length]!
  const domain = `team-${n % DOMAINS}.example.test`
  const digits = String(n).padStart(9, '0')
  const names: SubjectName[] = [{ type: 'dns', value: `h${digits}.${domain}` }]
  if (n % 5 === 2) {
    names.push(
      { type: 'dns', value: `w${digits}.${domain}` },
      { type: 'dns', value: `a${digits}.api.${domain}` },
    )
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { profile, names, key: privateKey, byToken: n % 5 !== 3 }
}

function csrOf({ names, key }: Enrolment): Buffer {
  const subject = encodeName([{ type: 'CN', value: names[0]!.value }])
  return encodeCsr({ key, subject, extensions: [subjectAltName(names, false)] })
}

/** The secrets, by the number of the enrolment. */
async function tokensFor(
  enrolments: readonly Enrolment[],
  service: RunningService,
  headers: Record<string, string>,
): Promise<Map<number, string>> {
  const wanted = [...enrolments.entries()].filter(([, { byToken }]) => byToken)
  const posts = wanted.map(([, { profile, names }]) => ({
    path: '/v1/tokens',
    headers,
    body: json({ profile, names: names.map(nameText) }),
  }))
  const created = await ask<{ token: string }>(service, posts)
  return new Map(wanted.map(([n], at) => [n, created[at]!.token]))
}

async function ask<T>(service: RunningService, posts: readonly Post[], expected = 201): Promise<T[]> {
  const { bodies } = await drive({ port: service.port, ca: service.root }, posts, 8, expected)
  return bodies.map((body) => JSON.parse(body.toString()) as T)
}

/** With the key that it has. */
async function renewItself(service: RunningService, issued: Issued, key: KeyObject): Promise<void> {
  const sent: ClientRequest = request({
    ...{ host: '127.0.0.1', servername: 'localhost', port: service.port, ca: service.root, agent: false },
    ...{ method: 'POST', path: `/v1/certificates/${issued.serialNumber}/renew` },
    ...{ cert: issued.certificate, key: key.export({ type: 'pkcs8', format: 'pem' }) },
  })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const chunks = await response.toArray()
  if (response.statusCode !== 201) throw new Error(`a renewal was refused: ${Buffer.concat(chunks)}`)
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
