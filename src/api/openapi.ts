import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { packageFile } from '../package-files.ts'

/** `/openapi.yaml`: the description of the REST API that the package ships. */
export async function openapiRoute(app: FastifyInstance): Promise<void> {
  const file = packageFile('openapi.yaml')
  app.get('/openapi.yaml', { schema: { hide: true } as object }, async (_request, reply) =>
    reply.type('application/yaml').send(await readFile(file)),
  )
}
