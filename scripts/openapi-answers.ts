/**
 * What is sent and taken that is no JSON, and so has no schema in src/api: media types by operation, as paths stand in the document.
 * Envoy's discovery is JSON, in a form that is Envoy's.
 */
interface Beside {
  /** Of the body that is sent, beside what has a schema. */
  readonly takes?: readonly string[]
  /** By status: what is answered, beside what has a schema; none where there is no body. */
  readonly answers?: Readonly<Record<number, readonly string[]>>
  /** Where the handler takes a request without a body for one with an empty object. */
  readonly mayBeEmpty?: boolean
  readonly headers?: readonly object[]
}

const RETRY_AFTER = { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } }
const LOCATION = { Location: { description: 'Of what was made.', schema: { type: 'string' } } }

const IDEMPOTENCY_KEY = {
  in: 'header',
  name: 'Idempotency-Key',
  required: false,
  schema: { type: 'string', minLength: 1, maxLength: 255 },
  description:
    'Visible ASCII characters. The same request with the same key gives the same certificate again.',
}

const PEM = 'application/x-pem-file'
const CHAIN = 'application/pem-certificate-chain'
const CERTS_ONLY = 'application/pkcs7-mime'
const bareCsr = {
  takes: ['application/pem-certificate-request', 'text/plain'],
  answers: { 201: [CHAIN] },
  headers: [IDEMPOTENCY_KEY],
}
const enrolled = { takes: ['application/pkcs10'], answers: { 200: [CERTS_ONLY], 202: ['text/plain'] } }
const derCrl = { answers: { 200: ['application/pkix-crl'] } }
const pem = { answers: { 200: [PEM] } }

const est: Readonly<Record<string, Beside>> = {
  'GET cacerts': { answers: { 200: [CERTS_ONLY] } },
  'GET csrattrs': { answers: { 200: ['application/csrattrs'] } },
  'POST simpleenroll': enrolled,
  'POST simplereenroll': enrolled,
  'POST serverkeygen': {
    takes: ['application/pkcs10'],
    answers: { 200: ['multipart/mixed'], 202: ['text/plain'] },
  },
}

const operations: Readonly<Record<string, Beside>> = {
  'POST /v1/certificates': bareCsr,
  'POST /v1/certificates/{serial}/renew': { ...bareCsr, mayBeEmpty: true },
  'POST /v1/certificates/{serial}/revoke': { mayBeEmpty: true },
  'POST /v1/requests/{id}/approve': { answers: { 201: [CHAIN] }, mayBeEmpty: true },
  'POST /v1/admin-keys/{id}/rotate': { mayBeEmpty: true },
  'GET /v1/certificates/{serial}': { answers: { 200: [CHAIN, 'application/pkix-cert', CERTS_ONLY] } },
  'GET /v1/certificates/{serial}/ocsp': { answers: { 200: ['application/ocsp-response'] } },
  'GET /v1/session/oidc': { answers: { 302: [] } },
  'GET /v1/session/oidc/callback': { answers: { 303: [] } },
  'GET /v1/authorities/{id}/csr': pem,
  'PUT /v1/authorities/{id}/certificate': { takes: [CHAIN, PEM, 'text/plain'] },
  'GET /v1/audit/export': { answers: { 200: ['application/jsonl'] } },
  'POST /v3/discovery:secrets': {
    takes: ['application/json'],
    answers: { 200: ['application/json'], 304: [] },
  },
  'GET /crl/{authority}.crl': derCrl,
  'GET /crl/{authority}.pem': pem,
  'GET /crl/{authority}/delta.crl': derCrl,
  'GET /crl/{authority}/{partition}.crl': derCrl,
  'GET /crl/{authority}/{partition}/delta.crl': derCrl,
  'GET /ca/{authority}.crt': { answers: { 200: ['application/pkix-cert'] } },
  'GET /ca/{authority}.pem': pem,
  'GET /bundles/{file}': {
    answers: { 200: [PEM, 'application/pkix-cert', CERTS_ONLY, 'application/x-pkcs12', 'application/json'] },
  },
  'GET /bundles/{name}.crl.pem': pem,
  'GET /roots/{fingerprint}': pem,
}

type Content = Record<string, { schema: object }>
type Operation = {
  summary?: string
  security?: object[]
  parameters?: object[]
  requestBody?: { content: Content; required?: boolean }
  responses: Record<string, { description: string; content?: Content; headers?: object }>
}

const EST = '/.well-known/est/'
const METHODS = ['get', 'post', 'put', 'patch', 'delete']

/** Adds what is no JSON to a document, and the media types of refusals. Throws for an operation that answers nothing but these. */
export function completeAnswers(document: object): void {
  const { paths } = document as { paths: Record<string, Record<string, Operation>> }
  for (const [path, item] of Object.entries(paths)) {
    for (const method of METHODS) {
      if (!item[method]) continue
      const name = `${method.toUpperCase()} ${path}`
      if (path.startsWith(EST)) completeEst(item[method], method, path)
      else {
        complete(item[method], operations[name])
        nameOctets(item[method])
        problems(item[method])
      }
      if (!Object.keys(item[method].responses).some((status) => /^[23]/.test(status)))
        throw new Error(`${name} answers something that scripts/openapi-answers.ts should name.`)
    }
  }
}

function complete(operation: Operation, beside: Beside = {}): void {
  const { takes = [], answers = {}, mayBeEmpty = false, headers = [] } = beside
  if (headers.length > 0) operation.parameters = [...(operation.parameters ?? []), ...headers]
  if (takes.length > 0) {
    operation.requestBody ??= { content: {}, required: true }
    Object.assign(operation.requestBody.content, contentOf(takes))
  }
  if (mayBeEmpty) operation.requestBody!.required = false
  for (const [status, types] of Object.entries(answers)) {
    operation.responses[status] ??= { description: 'Default Response' }
    if (types.length > 0)
      operation.responses[status].content = { ...operation.responses[status].content, ...contentOf(types) }
  }
}

/** RFC 9457, whatever the operation answers otherwise. */
function problems({ responses }: Operation): void {
  const problem = { schema: { $ref: '#/components/schemas/problem' } }
  const content = { 'application/problem+json': problem }
  responses['4XX'] = { description: 'RFC 9457 problem document.', content }
  responses['5XX'] = {
    description: 'RFC 9457 problem document; 503 comes with Retry-After.',
    content,
    headers: RETRY_AFTER,
  }
  if (!responses[202]) return
  responses[202].headers = { ...LOCATION, ...RETRY_AFTER }
  // 429: so many requests of a caller may wait.
  responses['4XX'].headers = RETRY_AFTER
}

/** Its errors are text (RFC 7030 4.2.3), and its passwords HTTP Basic. */
function completeEst(operation: Operation, method: string, path: string): void {
  complete(operation, est[`${method.toUpperCase()} ${path.split('/').at(-1)}`])
  if (method === 'post') operation.security = [{ basic: [] }, { certificate: [] }]
  for (const status of ['4XX', '5XX'])
    operation.responses[status] = { description: 'What was wrong.', content: contentOf(['text/plain']) }
}

const contentOf = (types: readonly string[]): Content =>
  Object.fromEntries(types.map((type) => [type, { schema: schemaOf(type) }]))

function schemaOf(type: string): object {
  // Without this, to some generators it is an object that has nothing.
  if (type === 'application/json') return { type: 'object', additionalProperties: true }
  return /pem|^text\/|jsonl/.test(type) ? { type: 'string' } : OCTETS
}

/** OpenAPI 3.1 would have no type for them, since they are no JSON. But by this alone do generators know them: Python's clients read the rest as text. */
const OCTETS = { type: 'string', format: 'binary' }

/** Bodies that are sent, and checked as what they are. */
function nameOctets({ requestBody }: Operation): void {
  for (const [type, media] of Object.entries(requestBody?.content ?? {})) {
    if (type !== 'application/json' && !('type' in media.schema))
      media.schema = { ...OCTETS, ...media.schema }
  }
}
