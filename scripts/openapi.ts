import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import swagger from '@fastify/swagger'
import Fastify from 'fastify'
import { stringify } from 'yaml'
import { ROUTE_ACCESS } from '../src/api/rest/roles.ts'
import { Problem } from '../src/api/rest/schemas.ts'
import { chancery, openChancery } from '../src/index.ts'
import { completeAnswers } from './openapi-answers.ts'
import { joinChoices } from './openapi-choices.ts'

/**
 * Writes openapi.yaml from the schemas that validate requests and shape responses. With --check it writes nothing, and
 * fails if the file differs from what it would write.
 */
const FILE = new URL('../openapi.yaml', import.meta.url)

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** What opens and shows sessions takes other credentials than the rest under /v1, or none. */
const OF_SESSIONS: Readonly<Record<string, Record<string, string[]>[]>> = {
  'POST /v1/session': [{ bearer: [] }, { certificate: [] }],
  'GET /v1/session': [{ session: [] }],
  'DELETE /v1/session': [{ session: [] }],
  'GET /v1/session/oidc': [],
  'GET /v1/session/oidc/callback': [],
}

async function describe(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'chancery-openapi-'))
  const service = await openChancery({ directory, publicUrl: 'http://localhost:8080' })
  const app = Fastify()
  try {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Chancery',
          version,
          description:
            'Issues, renews and revokes certificates. Errors are RFC 9457 problem documents (application/problem+json) with a stable type, "urn:chancery:problem:<code>".',
          license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
        },
        servers: [{ url: '/', description: 'Where the service answers, or below it where it is embedded.' }],
        components: {
          securitySchemes: {
            bearer: {
              type: 'http',
              scheme: 'bearer',
              description:
                'An admin key, whose role must be at least the x-least-role of the address; a one-time enrolment token; or an access token of the OpenID provider.',
            },
            basic: {
              type: 'http',
              scheme: 'basic',
              description: 'Of EST: a user and its password, or an enrolment token as the password.',
            },
            session: {
              type: 'apiKey',
              in: 'cookie',
              name: '__Host-chancery-session',
              description:
                'A session of the console. Whatever is not GET must carry "X-Chancery-Console: 1".',
            },
            // OpenAPI 3.1 has it; the plugin's types are of 3.0.
            certificate: {
              type: 'mutualTLS',
              description:
                'A certificate of this CA: to renew, read or revoke itself; or in the role that the configuration gives it.',
            } as never,
          },
        },
      },
      transform: ({ schema, url, route }) => {
        const hide = !schema?.summary || route.method === 'HEAD'
        const envoy = url.startsWith('/v3/') ? [{ bearer: [] }, { certificate: [] }] : []
        const ofRest = url.startsWith('/v1/') ? [{ bearer: [] }, { session: [] }, { certificate: [] }] : envoy
        const security = OF_SESSIONS[`${route.method} ${url}`] ?? ofRest
        const access = ROUTE_ACCESS[`${route.method} ${url}`]
        const role = access ? { 'x-least-role': access.role } : {}
        const responses = { ...(schema?.response as object), '4XX': { $ref: 'urn:chancery:problem#' } }
        const operationId = nameOf(String(route.method), url)
        return {
          schema: hide ? { hide: true } : { ...schema, operationId, ...role, security, response: responses },
          url,
        }
      },
      refResolver: {
        buildLocalReference: (json, _base, _fragment, i) =>
          String(json.$id ?? `def-${i}`).replace(/^urn:chancery:/, ''),
      },
    })
    app.addSchema({ $id: 'urn:chancery:problem', ...Problem })
    await app.register(chancery, { service })
    await app.ready()
    const document = app.swagger()
    completeAnswers(document)
    joinChoices(document)
    return `# Written by "npm run openapi" from the schemas in src/api; do not edit.\n${stringify(document, { lineWidth: 0, aliasDuplicateObjects: false })}`
  } finally {
    await app.close()
    await service.close()
    await rm(directory, { recursive: true, force: true })
  }
}

/** By which generators name what they make: "getV1CertificatesSerial". What a parameter must look like is no part of it. */
function nameOf(method: string, url: string): string {
  const words = url.replace(/\(.*\)/, '').match(/[A-Za-z0-9]+/g)!
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}

const text = await describe()
if (!process.argv.includes('--check')) await writeFile(FILE, text)
else if ((await readFile(FILE, 'utf8').catch(() => '')) !== text) {
  console.error('openapi.yaml differs from the schemas: run "npm run openapi" and commit the result.')
  process.exitCode = 1
}
