import type { Frozen } from './freeze.ts'
import type { WebhookOptions } from './webhook-schema.ts'

/** What the log, metrics and the store call it. The rest of a URL may be a secret. */
export function webhookName({ name, url }: Frozen<WebhookOptions>): string {
  return name ?? new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')
}

/** What each option allows by itself, and all together do not. */
export function webhookContradictions(webhooks: readonly Frozen<WebhookOptions>[]): string[] {
  const found = webhooks.flatMap((webhook, at) =>
    faultsOf(webhook).map((fault) => `webhooks[${at}].${fault}`),
  )
  if (found.length > 0) return found
  const names = webhooks.map(webhookName)
  const twice = names.find((name, at) => names.indexOf(name) < at)
  if (twice !== undefined) found.push(`webhooks: two are called "${twice}"; give each a name of its own.`)
  return found
}

function faultsOf({ url, secretFile }: Frozen<WebhookOptions>): string[] {
  const found: string[] = []
  if (secretFile === '') found.push('secretFile is missing: the file with the secret that signs.')
  if (url === '') return [...found, 'url is missing: the https:// address to post to.']
  // A URL is not shown: what is behind the host may be a secret.
  const parsed = URL.parse(url)
  if (!parsed) found.push('url is no address.')
  else if (parsed.username || parsed.password || parsed.hash)
    found.push('url must have neither a user name nor a password nor a fragment.')
  else if (parsed.protocol === 'http:' && !isLoopback(parsed.hostname))
    found.push(
      'url must be https://; http:// is for this machine itself alone (127.0.0.1, [::1], localhost).',
    )
  return found
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
