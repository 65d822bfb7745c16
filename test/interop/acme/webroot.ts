import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { basename, join } from 'node:path'

export interface Webroot {
  /** Where clients put what answers http-01. */
  readonly folder: string
  close(): void
}

const PREFIX = '/.well-known/acme-challenge/'

/** The web server that clients expect who write files and leave the rest to it. */
export async function webroot(root: string, host: string, port: number): Promise<Webroot> {
  const folder = join(root, PREFIX)
  mkdirSync(folder, { recursive: true })
  const server = createServer(({ url = '' }, response) => {
    try {
      if (!url.startsWith(PREFIX)) throw new Error('not a challenge')
      response.end(readFileSync(join(folder, basename(url))))
    } catch {
      response.writeHead(404).end()
    }
  })
  server.listen(port, host)
  await once(server, 'listening')
  return { folder, close: () => server.close() }
}
