import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import Fastify, { type FastifyRequest, LogController } from 'fastify'
import { CaError } from '../../errors.ts'
import { packageFile } from '../../package-files.ts'
import { installProblems, sendProblem } from '../problems.ts'

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
  /** Answers a request below the folder, as the application that it came to would. */
  answer(request: FastifyRequest, response: ServerResponse): void
  close(): Promise<void>
}

/**
 * An application of its own, since none takes plugins once it listens. `prefix`: where the folder is mounted. Throws `CaError` "notFound"
 * where nothing was built.
 */
export async function openFiles(prefix: string): Promise<ConsoleFiles> {
  if (!existsSync(ROOT)) {
    throw new CaError(
      'notFound',
      'The console was not built here: run "npm run build:console" and start again.',
    )
  }
  const outer = new WeakMap<IncomingMessage, FastifyRequest>()
  const app = Fastify({
    // The outer one has a line for each.
    logController: new LogController({ disableRequestLogging: true }),
    // What a caller is told of a failure and what the log says of it are of one request.
    genReqId: (raw) => outer.get(raw as IncomingMessage)!.id,
    childLoggerFactory: (_logger, _bindings, _options, raw) => outer.get(raw as IncomingMessage)!.log,
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
  })
  installProblems(app)
  app.addHook('onSend', async (_request, reply) => void reply.headers(HEADERS))
  await app.register(fastifyStatic, {
    root: ROOT,
    prefix,
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
    answer(request, response) {
      outer.set(request.raw, request)
      app.routing(request.raw, response)
    },
    close: () => app.close(),
  }
}
