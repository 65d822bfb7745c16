import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { freePort } from '../../test/free-port.ts'
import { type Running, startPeer } from '../processes.ts'
import { tool } from '../tools.ts'
import { makeHierarchy } from './hierarchy.ts'
import { type Csr, type Issuer, pemOf } from './issuer.ts'

/** Errors and what is worse: otherwise it writes a few lines for each request. */
const QUIET = ['-loglevel', '3']

/** Milliseconds that a writer waits for its turn at SQLite: after the driver's own 5 s, certificates are refused under load. */
const PATIENCE = 60_000

/** `cfssl serve` without a database: JSON over plain HTTP, nobody is asked who they are, nothing is recorded. */
export const cfsslUnrecorded: Issuer = {
  what: 'cfssl, no database, plain HTTP, no authentication',
  prepare: () => prepareCfssl(false),
}

/** The same with SQLite as its driver opens it: a rollback journal, synced. */
export const cfsslSqlite: Issuer = {
  what: 'cfssl, SQLite, plain HTTP, no authentication',
  prepare: () => prepareCfssl(true),
}

async function prepareCfssl(isRecorded: boolean) {
  const command = tool('cfssl')
  const directory = await mkdtemp(join(tmpdir(), 'chancery-bench-cfssl-'))
  const { intermediate, intermediateKey } = await makeHierarchy(directory)
  const config = join(directory, 'config.json')
  const usages = ['digital signature', 'server auth']
  await writeFile(config, JSON.stringify({ signing: { default: { expiry: '2160h', usages } } }))
  const port = await freePort()
  const args = [
    ...['serve', '-address', '127.0.0.1', '-port', String(port)],
    ...['-ca', intermediate, '-ca-key', intermediateKey, '-config', config, ...QUIET],
    ...(isRecorded ? ['-db-config', await makeDatabase(directory)] : []),
  ]
  const requests = async (csrs: readonly Csr[]) =>
    csrs.map((csr) => ({
      path: '/api/v1/cfssl/sign',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ certificate_request: pemOf(csr) })),
    }))
  const launch = async () => ({
    ...(await startPeer(command, args, port)),
    ...{ target: { port, ca: null }, status: 200, requests },
  })
  return { directory, launch }
}

/** The tables that its migrations make, since goose, which runs them, is not there. Returns the file that names the database. */
async function makeDatabase(directory: string): Promise<string> {
  const file = join(directory, 'cfssl.db')
  const database = new Database(file)
  database.exec(`
    CREATE TABLE certificates (
      serial_number blob NOT NULL, authority_key_identifier blob NOT NULL, ca_label blob, status blob NOT NULL, reason int,
      expiry timestamp, revoked_at timestamp, pem blob NOT NULL, issued_at timestamp, not_before timestamp, metadata text,
      sans text, common_name text, PRIMARY KEY (serial_number, authority_key_identifier)
    );
    CREATE TABLE ocsp_responses (
      serial_number blob NOT NULL, authority_key_identifier blob NOT NULL, body blob NOT NULL, expiry timestamp,
      PRIMARY KEY (serial_number, authority_key_identifier)
    );
  `)
  database.close()
  const config = join(directory, 'db.json')
  await writeFile(
    config,
    JSON.stringify({ driver: 'sqlite3', data_source: `file:${file}?_busy_timeout=${PATIENCE}` }),
  )
  return config
}

/** Answers from memory what stands in the file: base64 of OCSP responses, one a line. */
export async function startOcspserve(responses: string): Promise<Running> {
  const port = await freePort()
  const at = ['-address', '127.0.0.1', '-port', String(port)]
  return startPeer(tool('cfssl'), ['ocspserve', ...at, '-responses', responses, ...QUIET], port)
}
