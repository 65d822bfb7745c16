import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import Fastify from 'fastify'
import { CaError } from '../../errors.ts'
import { packageFile } from '../../package-files.ts'
import { installProblems } from '../problems.ts'

/** What `npm run build:console` writes; the package ships it. */
const ROOT = fileURLToPath(packageFile('console/dist'))

/** Nothing from elsewhere, nothing inline, and no page of another site around it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}

export interface ConsoleFiles {
  /** Answers with the file at this path below the folder; the empty one is the page itself. */
  answer(path: string, request: IncomingMessage, response: ServerResponse): void
  close(): Promise<void>
}

/** An application of its own, since none takes plugins once it listens. Throws `CaError` "notFound" where nothing was built. */
export async function openFiles(): Promise<ConsoleFiles> {
  if (!existsSync(ROOT)) {
    throw new CaError(
      'notFound',
      'The console was not built here: run "npm run build:console" and start again.',
    )
  }
  const app = Fastify()
  installProblems(app)
  app.addHook('onSend', async (_request, reply) => void reply.headers(HEADERS))
  await app.register(fastifyStatic, {
    root: ROOT,
    cacheControl: false,
    preCompressed: true,
    setHeaders: (reply, path) => {
      // Their names hold a hash of what is in them.
      const isHashed = path.includes('/assets/')
      reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  })
  await app.ready()
  return {
    answer(path, request, response) {
      request.url = `/${path}`
      app.routing(request, response)
    },
    close: () => app.close(),
  }
}
