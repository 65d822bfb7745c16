/** Slow or silent clients cost a socket for a bounded time. Milliseconds. */
export const CONNECTION_LIMITS = {
  requestTimeout: 30_000,
  connectionTimeout: 60_000,
  keepAliveTimeout: 75_000,
} as const

/** How often Node looks for requests that take too long; by default only each 30 s. Milliseconds. */
export const TIMING = { connectionsCheckingInterval: 2000 } as const
