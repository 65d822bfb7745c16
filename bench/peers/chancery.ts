import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drive } from '../load.ts'
import { startService } from '../processes.ts'
import type { Csr, Issuer } from './issuer.ts'

/** REST over TLS with a one-time token for each certificate. `checkout`: the folder of another state of this program. */
export function chanceryIssuer({
  what = 'Chancery',
  profiles,
  checkout,
}: {
  what?: string
  profiles?: string | undefined
  checkout?: string
} = {}): Issuer {
  const flags = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]
  return {
    what,
    async prepare() {
      const directory = await mkdtemp(join(tmpdir(), 'chancery-bench-'))
      return {
        directory,
        async launch() {
          const service = await startService(flags, {}, checkout, directory)
          const target = { port: service.port, ca: service.root }
          const requests = async (csrs: readonly Csr[]) => {
            const tokens = await newTokens(csrs)
            return csrs.map(({ der }, i) => ({
              path: '/v1/certificates',
              headers: { authorization: `Bearer ${tokens[i]}`, 'content-type': 'application/pkcs10' },
              body: der,
            }))
          }
          const newTokens = async (csrs: readonly Csr[]) => {
            const headers = {
              authorization: `Bearer ${service.adminKey}`,
              'content-type': 'application/json',
            }
            const posts = csrs.map(({ name }) => ({
              path: '/v1/tokens',
              headers,
              body: Buffer.from(JSON.stringify({ names: { dns: [name] } })),
            }))
            const { bodies } = await drive(target, posts, 8)
            return bodies.map((body) => (JSON.parse(body.toString()) as { token: string }).token)
          }
          return { ...service, target, status: 201, requests }
        },
      }
    },
  }
}
