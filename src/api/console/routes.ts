import type { FastifyInstance } from 'fastify'
import { mountPoint } from '../mount-point.ts'
import type { ConsoleFiles } from './files.ts'

/**
 * `/console`: the web console, static files that speak the REST API. Who may do what is decided there, so anybody may have
 * the files. What serves them is loaded at the first request: a service that nobody looks at neither starts later nor needs
 * more memory.
 */
export async function consoleRoutes(app: FastifyInstance): Promise<void> {
  const folder = `${mountPoint(app)}/console/`
  let opening: Promise<ConsoleFiles> | undefined
  // Addresses in the files are relative to the folder.
  app.get('/console', async (_request, reply) => reply.redirect('console/'))
  app.get('/console/*', async (request, reply) => {
    opening ??= import('./files.ts').then(({ openFiles }) => openFiles(folder))
    const files = await opening
    reply.hijack()
    files.answer(request, reply.raw)
  })
  app.addHook('onClose', async () => (await opening?.catch(() => null))?.close())
}
