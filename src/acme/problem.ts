/** The last part of `urn:ietf:params:acme:error:` (RFC 8555 6.7, RFC 9773 7.4, draft-ietf-acme-profiles), and its HTTP status. */
const STATUS = {
  accountDoesNotExist: 400,
  alreadyReplaced: 409,
  alreadyRevoked: 400,
  badCSR: 400,
  badNonce: 400,
  badPublicKey: 400,
  badRevocationReason: 400,
  badSignatureAlgorithm: 400,
  caa: 403,
  connection: 400,
  dns: 400,
  externalAccountRequired: 403,
  incorrectResponse: 403,
  invalidContact: 400,
  invalidProfile: 400,
  malformed: 400,
  orderNotReady: 403,
  rateLimited: 429,
  rejectedIdentifier: 400,
  serverInternal: 500,
  tls: 400,
  unauthorized: 403,
  unsupportedContact: 400,
  unsupportedIdentifier: 400,
  userActionRequired: 403,
} as const
export type AcmeErrorType = keyof typeof STATUS

export interface AcmeSubproblem {
  readonly type: AcmeErrorType
  readonly detail: string
  readonly identifier: AcmeIdentifier
}

/** As the wire has it (RFC 8555 7.1.3, RFC 8738). A wildcard's value begins with "*." in an order and in subproblems. */
export interface AcmeIdentifier {
  readonly type: 'dns' | 'ip'
  readonly value: string
}

export interface AcmeErrorOptions {
  /** Where it is not that of the type, such as 409 for a key in use, or 415. */
  readonly status?: number
  readonly subproblems?: readonly AcmeSubproblem[]
  /** Seconds until it makes sense to ask again. */
  readonly retryAfter?: number
  /** Sent as `Location`: the account that has the key already (RFC 8555 7.3.5). */
  readonly location?: string
  /** Where the terms are that must be agreed to first: sent as `Link` and as `instance` (RFC 8555 7.3.3). */
  readonly termsOfService?: string
  /** The algorithms that are taken, for badSignatureAlgorithm (RFC 8555 6.2). */
  readonly algorithms?: readonly string[]
  readonly cause?: unknown
}

/** Every way in which ACME says no. `detail` is for the client: it names what was wrong and what to do. */
export class AcmeError extends Error {
  readonly type: AcmeErrorType
  readonly detail: string
  readonly status: number
  readonly options: AcmeErrorOptions

  constructor(type: AcmeErrorType, detail: string, options: AcmeErrorOptions = {}) {
    super(`${type}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AcmeError'
    this.type = type
    this.detail = detail
    this.status = options.status ?? STATUS[type]
    this.options = options
  }
}

/** A problem as it stands in challenges and orders, and as the store keeps it (RFC 8555 7.1.3, 8). */
export interface AcmeProblem {
  readonly type: string
  readonly detail: string
  /** Of an answer that says this. Clients show it, and some cannot read a problem without it. */
  readonly status: number
  readonly subproblems?: readonly (Omit<AcmeSubproblem, 'type'> & { readonly type: string })[]
}

export function problemType(type: AcmeErrorType): string {
  return `urn:ietf:params:acme:error:${type}`
}

export function problemOf({ type, detail, status, options }: AcmeError): AcmeProblem {
  const { subproblems = [] } = options
  return {
    type: problemType(type),
    detail,
    status,
    ...(subproblems.length > 0
      ? { subproblems: subproblems.map((one) => ({ ...one, type: problemType(one.type) })) }
      : {}),
  }
}
