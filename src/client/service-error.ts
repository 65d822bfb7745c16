/** A problem document (RFC 9457) as the service sends it. */
export interface Problem {
  readonly type?: string
  readonly title?: string
  readonly status?: number
  readonly detail?: string
  readonly subproblems?: readonly { readonly detail?: string; readonly subject?: string }[]
}

/** "silent": nobody listens; "unproven": its certificate is not below the roots given; "lost": any other way of no answer. */
export type Cause = 'refused' | 'silent' | 'unproven' | 'lost'

interface ServiceErrorOptions {
  readonly status?: number
  readonly problem?: Problem
  /** Seconds. */
  readonly retryAfter?: number
  readonly cause?: unknown
}

/** The service said no, or did not answer. The message is one or more sentences for people. */
export class ServiceError extends Error {
  readonly why: Cause
  /** HTTP; null where there was no answer. */
  readonly status: number | null
  readonly problem: Problem | undefined
  /** Seconds until it makes sense to ask again, where the service said so. */
  readonly retryAfter: number | undefined

  constructor(why: Cause, message: string, options: ServiceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ServiceError'
    this.why = why
    this.status = options.status ?? null
    this.problem = options.problem
    this.retryAfter = options.retryAfter
  }

  /** The error code of the service, such as "tokenSpent"; null where the answer named none. */
  get code(): string | null {
    const [, code] = /^urn:chancery:problem:(\w+)$/.exec(this.problem?.type ?? '') ?? []
    return code ?? null
  }
}
