import { createHmac } from 'node:crypto'
import { CaError } from '../errors.ts'

/** The secrets in the text of a secret file, one a line. `CaError` "badConfiguration", which does not repeat them. */
export function parseSecrets(text: string, what: string): Buffer[] {
  return text
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map((line) => {
      const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? []
      const secret = Buffer.from(base64 ?? '', 'base64')
      if (secret.length < 24 || secret.length > 64) {
        throw new CaError(
          'badConfiguration',
          `${what} must hold "whsec_" and 24 to 64 octets in base64: echo "whsec_$(openssl rand -base64 32)".`,
        )
      }
      return secret
    })
}

/** The headers of Standard Webhooks 1.0. `timestamp`: of this attempt, seconds since 1970. */
export function signedHeaders(
  secrets: readonly Buffer[],
  { message, body }: { readonly message: string; readonly body: string },
  timestamp: number,
): Record<string, string> {
  const signatures = secrets.map((secret) => {
    const mac = createHmac('sha256', secret).update(`${message}.${timestamp}.${body}`)
    return `v1,${mac.digest('base64')}`
  })
  return {
    'webhook-id': message,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures.join(' '),
  }
}
