import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from '../start-server.ts'
import { chancery, type Outcome } from './console.ts'

export interface RunningService {
  /** The data directory. */
  readonly dir: string
  /** A scratch directory for what commands write. */
  readonly work: string
  readonly httpUrl: string
  readonly tlsUrl: string
  readonly rootFingerprint: string
  /** Runs a command against this service. */
  command(...argv: string[]): Promise<Outcome>
  /** The same with --json: its document, where the command succeeds. */
  json<T>(...argv: string[]): Promise<T>
  close(): Promise<void>
}

/** A real service on free ports, made by `chancery init`; `yaml` is its `chancery.yaml`. */
export async function runService(yaml = ''): Promise<RunningService> {
  const scratch = mkdtempSync(join(tmpdir(), 'chancery-cli-'))
  const dir = join(scratch, 'data')
  const made = await chancery([
    'init',
    '--dir',
    dir,
    '--root-subject',
    'CN=Test Root',
    '--subject',
    'CN=Test CA',
  ])
  if (made.exitCode !== 0) throw new Error(made.stderr)
  if (yaml) writeFileSync(join(dir, 'chancery.yaml'), yaml)
  const server = await startServer({ CHANCERY_DIR: dir, CHANCERY_TLS_PORT: '0', CHANCERY_HTTP_PORT: '0' })
  const ports = {
    CHANCERY_DIR: dir,
    CHANCERY_TLS_PORT: new URL(server.tlsUrl).port,
    CHANCERY_HTTP_PORT: new URL(server.httpUrl).port,
  }
  const command = (...argv: string[]) => chancery(argv, ports)
  return {
    dir,
    work: scratch,
    httpUrl: server.httpUrl,
    tlsUrl: server.tlsUrl,
    rootFingerprint: server.rootFingerprint,
    command,
    async json<T>(...argv: string[]) {
      const { exitCode, stdout, stderr } = await command(...argv, '--json')
      if (exitCode !== 0) throw new Error(`exit ${exitCode}: ${stderr}`)
      return JSON.parse(stdout) as T
    },
    async close() {
      await server.close()
      rmSync(scratch, { recursive: true, force: true })
    },
  }
}
