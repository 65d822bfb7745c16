import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { packageFile } from '../package-files.ts'
import { sendBody } from './freshness.ts'

/** `/openapi.yaml`: the description of the REST API that the package ships. */
export async function openapiRoute(app: FastifyInstance): Promise<void> {
  const file = packageFile('openapi.yaml')
  // One copy for all who ask: clients that read slowly would hold one each, for each request.
  let text: Promise<Buffer> | undefined
  app.get('/openapi.yaml', { schema: { hide: true } as object }, async (_request, reply) => {
    text ??= readFile(file).catch((error: unknown) => {
      text = undefined
      throw error
    })
    return sendBody(reply.type('application/yaml'), await text)
  })
}
