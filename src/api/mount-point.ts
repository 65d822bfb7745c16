import type { FastifyInstance } from 'fastify'

/** Where the routes stand in the application: "/pki", or "" at its top. Whoever embeds the plugin may write "/pki/". */
export function mountPoint({ prefix }: Pick<FastifyInstance, 'prefix'>): string {
  return prefix.replace(/\/+$/, '')
}
