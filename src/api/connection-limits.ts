/** Slow or silent clients cost a socket for a bounded time. Milliseconds. */
export const CONNECTION_LIMITS = {
  requestTimeout: 30_000,
  connectionTimeout: 60_000,
  keepAliveTimeout: 75_000,
} as const

/** How often Node looks for requests that take too long; by default only each 30 s. Milliseconds. */
export const TIMING = { connectionsCheckingInterval: 2000 } as const

/** Octets of a body, where a route does not say that it needs more. */
export const BODY_LIMIT: number = 128 * 1024
