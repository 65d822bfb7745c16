// Somebody's own application, in plain JavaScript: it mounts the CA under a prefix and enrols once.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chancery } from 'chancery'
import Fastify from 'fastify'

const app = Fastify()
app.get('/', async () => 'mine')
await app.register(chancery, { prefix: '/pki', directory: './data', publicUrl: 'http://ca.example.test/pki' })
await app.ready()

execFileSync(
  'openssl',
  [
    'req',
    '-new',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'key.pem',
    '-out',
    'csr.pem',
    '-subj',
    '/CN=web.example.test',
    '-addext',
    'subjectAltName=DNS:web.example.test',
  ],
  { stdio: 'ignore' },
)
const answer = await app.inject({
  method: 'POST',
  url: '/pki/v1/certificates',
  headers: {
    authorization: `Bearer ${readFileSync('data/admin.key', 'utf8').trim()}`,
    'content-type': 'application/x-pem-file',
  },
  body: readFileSync('csr.pem'),
})
const { certificate, chain } = answer.json()
const roots = (await app.inject('/pki/bundles/roots.pem')).body
const health = (await app.inject('/pki/readyz')).json()
await app.close()
console.log(
  JSON.stringify({
    status: answer.statusCode,
    location: answer.headers.location,
    certificate,
    chain,
    roots,
    health,
  }),
)
