/**
 * Every way in which the service says no. A code is stable: REST renders it as the problem's type,
 * and other protocols map it to their own words. `api/problems.ts` gives each its HTTP status and title.
 */
export type ErrorCode =
  // what was sent
  | 'malformedRequest'
  | 'malformedCsr'
  | 'malformedPem'
  | 'badCsrSignature'
  | 'unsupportedAlgorithm'
  | 'weakKey'
  | 'badName'
  | 'bodyTooLarge'
  | 'unsupportedMediaType'
  | 'methodNotAllowed'
  | 'notSupported'
  // who asks, and for what
  | 'unauthenticated'
  | 'forbidden'
  | 'tokenSpent'
  | 'requestRefused'
  | 'tooManyPending'
  | 'nameNotAllowed'
  | 'keyNotAllowed'
  | 'validityNotAllowed'
  | 'extensionNotAllowed'
  | 'unknownProfile'
  | 'unknownAuthority'
  // the state of things
  | 'notFound'
  | 'conflict'
  | 'idempotencyConflict'
  | 'notOnHold'
  | 'certificateRevoked'
  | 'certificateExpired'
  // authorities and configuration
  | 'badConfiguration'
  | 'badAuthorityCertificate'
  | 'badCrl'
  | 'badOcspResponse'
  | 'authorityNotReady'
  // the service itself
  | 'overloaded'
  | 'rateLimited'
  | 'providerFailed'
  | 'storeFailed'
  | 'internal'

export interface CaErrorOptions {
  cause?: unknown
  /** One entry for each part of the request that is at fault, such as a name. */
  subproblems?: readonly Subproblem[]
  /** Seconds until it makes sense to ask again. */
  retryAfter?: number
}

export interface Subproblem {
  code: ErrorCode
  detail: string
  /** The part of the request that is meant: a name such as "dns:web.example.test". */
  subject?: string
}

/** The one error class of the domain. `detail` is for the caller: it names what was wrong and what to do. */
export class CaError extends Error {
  readonly code: ErrorCode
  readonly detail: string
  readonly subproblems: readonly Subproblem[]
  readonly retryAfter: number | undefined

  constructor(code: ErrorCode, detail: string, options: CaErrorOptions = {}) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CaError'
    this.code = code
    this.detail = detail
    this.subproblems = options.subproblems ?? []
    this.retryAfter = options.retryAfter
  }
}
