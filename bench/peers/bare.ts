import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { firstLine, type Running, startChild, stop } from '../processes.ts'
import { makeIdentity } from './hierarchy.ts'
import type { Csr, Issuer } from './issuer.ts'

/** bare-server.ts with its arguments, as a process of its own. */
export async function startBare(...args: string[]): Promise<Running> {
  const file = fileURLToPath(new URL('./bare-server.ts', import.meta.url))
  const child = startChild(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const port = Number(await firstLine(child, /^\d+/))
  return { process: child, port, stop: () => stop(child) }
}

/** Takes the same bodies and issues nothing: how much the client can ask. */
export function echo({ tls }: { tls: boolean }): Issuer {
  return {
    what: `bare ${tls ? 'node:https' : 'node:http'}, gives the CSR back`,
    async prepare() {
      const directory = await mkdtemp(join(tmpdir(), 'chancery-bench-bare-'))
      const identity = tls ? await makeIdentity(directory) : null
      const requests = async (csrs: readonly Csr[]) =>
        csrs.map(({ der }) => ({ path: '/', headers: {}, body: der }))
      return {
        directory,
        async launch() {
          const running = await startBare(...(identity ? ['--pem', identity.pemFile] : []))
          return {
            ...running,
            target: { port: running.port, ca: identity?.ca ?? null },
            status: 201,
            requests,
          }
        },
      }
    },
  }
}
