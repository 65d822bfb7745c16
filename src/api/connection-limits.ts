/** Slow or silent clients cost a socket for a bounded time. Milliseconds. */
export const CONNECTION_LIMITS = {
  requestTimeout: 30_000,
  connectionTimeout: 60_000,
  keepAliveTimeout: 75_000,
} as const

/**
 * How often Node looks for requests that take too long; by default only each 30 s. And no longer for a head than for the whole request:
 * of two limits Node takes the longer one for the whole, whatever their names. Milliseconds.
 */
export const TIMING = {
  connectionsCheckingInterval: 2000,
  headersTimeout: CONNECTION_LIMITS.requestTimeout,
} as const

/** Octets of a body, where a route does not say that it needs more. */
export const BODY_LIMIT: number = 128 * 1024
