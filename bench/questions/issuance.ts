import { drive } from '../load.ts'
import type { Options } from '../options.ts'
import { echo } from '../peers/bare.ts'
import { cfsslSqlite, cfsslUnrecorded } from '../peers/cfssl.ts'
import { chanceryIssuer } from '../peers/chancery.ts'
import { diskUse } from '../peers/disk.ts'
import { discard, type Issuer, newCsrs, type PreparedIssuer, type RunningIssuer } from '../peers/issuer.ts'
import { stepCa } from '../peers/step-ca.ts'
import { usage } from '../processes.ts'
import { measure, RATE_HEAD, type Round, rateCells } from '../rounds.ts'
import type { Section } from '../section.ts'
import { unlessMissing } from '../tools.ts'

/** Certificates issued before anything is measured: a service that has run for some seconds is what its users have. */
const WARM = 5000

const TEXT = [
  `One request for a certificate each: a P-256 CSR with one DNS name, over connections that stay open. CSRs and tokens are made before the time counts, and ${WARM} certificates issued. The servers take turns with the same CSRs; the figures are medians of the rounds.`,
  'Chancery: REST over TLS, a one-time token each. Each certificate, its audit row and the end of its token are synced to disk before it is answered. step-ca: JSON over TLS, a one-time JWT each; badger, which syncs each write, keeps certificate and token. cfssl has no one-time tokens: it is asked over plain HTTP and authenticates nobody. Without a database it records nothing, so that it can neither list nor revoke; with SQLite it keeps the certificate, and is told to wait for its turn at the database up to a minute, since after the usual 5 s it refuses some.',
  'The bare servers give the CSR back: what the client and the protocol alone cost. “Disk” is what the folder grew by for each certificate once the server had ended, one-time tokens and audit included.',
]

interface Contender {
  readonly what: string
  readonly prepared: PreparedIssuer
  readonly server: RunningIssuer
  readonly rounds: Map<number, Round[]>
  /** Bytes of its folder before the first certificate. */
  readonly empty: number
  issued: number
}

/** Certificates per second, durable as each server ships. */
export async function issuance(options: Options): Promise<Section> {
  const contenders: Contender[] = []
  const missing: string[][] = []
  try {
    for (const issuer of issuers(options)) {
      const contender = await unlessMissing(start(issuer))
      if (typeof contender === 'string') missing.push([issuer.what, contender])
      else contenders.push(contender)
    }
    for (let round = 0; round < options.rounds; round++) {
      for (const level of options.connections) await ask(contenders, level, options.count)
    }
    const memory = contenders.map(({ server }) => usage(server).peakMemory)
    const rows: string[][] = []
    for (const [index, contender] of contenders.entries()) {
      const { what, rounds, prepared, server, empty, issued } = contender
      await server.stop()
      const disk = Math.round(((await diskUse(prepared.directory)) - empty) / issued).toString()
      for (const [level, measured] of rounds) {
        rows.push([what, String(level), ...rateCells(measured), memory[index]!.toFixed(0), disk])
      }
    }
    const head = ['server', 'connections', ...RATE_HEAD, 'peak memory MB', 'disk bytes each']
    return { title: 'Issuance', text: TEXT, head, rows: [...rows, ...missing] }
  } finally {
    for (const { server, prepared } of contenders) {
      await server.stop()
      await discard(prepared)
    }
  }
}

function issuers({ beside, profiles }: Options): Issuer[] {
  return [
    chanceryIssuer({ profiles }),
    ...(beside === undefined ? [] : [chanceryIssuer({ what: beside, checkout: beside })]),
    ...[stepCa, cfsslUnrecorded, cfsslSqlite, echo({ tls: true }), echo({ tls: false })],
  ]
}

async function start(issuer: Issuer): Promise<Contender> {
  const prepared = await issuer.prepare()
  const server = await prepared.launch()
  const empty = await diskUse(prepared.directory)
  const warm = await server.requests(newCsrs(WARM))
  await drive(server.target, warm, 8, server.status)
  return { what: issuer.what, prepared, server, rounds: new Map(), empty, issued: WARM }
}

/** A round of every server at one number of connections, with the same CSRs. */
async function ask(contenders: readonly Contender[], level: number, count: number): Promise<void> {
  // At one connection fewer give as steady a figure.
  const csrs = newCsrs(level === 1 ? Math.ceil(count / 4) : count)
  for (const contender of contenders) {
    const { server, rounds } = contender
    const requests = await server.requests(csrs)
    const round = await measure(server, () => drive(server.target, requests, level, server.status))
    rounds.set(level, [...(rounds.get(level) ?? []), round])
    contender.issued += requests.length
  }
}
