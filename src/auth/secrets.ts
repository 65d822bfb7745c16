import { hash, randomBytes } from 'node:crypto'

/**
 * Bearer secrets: 256 random bits behind a prefix that says what they are, so that one found in the
 * wrong place can be told from the other. The store holds only the SHA-256: with so much entropy a slow hash adds nothing,
 * and looking a secret up by its hash shows no timing that depends on the secret.
 */
export const SECRET_PREFIX = {
  adminKey: 'chancery_admin_',
  token: 'chancery_token_',
  estUser: 'chancery_est_',
  session: 'chancery_session_',
} as const

export function newSecret(kind: keyof typeof SECRET_PREFIX): string {
  return SECRET_PREFIX[kind] + randomBytes(32).toString('base64url')
}

export function hashSecret(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}
