import type { Clock } from '../clock.ts'
import { CaError } from '../errors.ts'
import { RETRY, Refetched } from './refetched.ts'

/** Octets: more than any provider's metadata or keys. */
const MAX_ANSWER = 1024 * 1024
/** Milliseconds. */
const PATIENCE = 10_000
/** After so long what the provider says of itself, and its keys, are asked for again. Seconds. */
const KEPT = 3600
/** For a token that none of them signed the keys are asked for again, but no more often than this: anybody can make one. Seconds. */
const REFETCH = 60

export interface Metadata {
  readonly issuer: string
  readonly authorization_endpoint: string
  readonly token_endpoint: string
  readonly jwks_uri: string
}

/** What a provider publishes: its addresses and its keys (OpenID Connect Discovery 1.0). */
export class Provider {
  readonly #issuer: string
  readonly #metadata: Refetched<Metadata>
  readonly #keys: Refetched<object>

  constructor(issuer: string, clock: Clock) {
    this.#issuer = issuer
    this.#metadata = new Refetched(() => this.#discover(), clock)
    this.#keys = new Refetched(() => this.#fetchKeys(), clock)
  }

  metadata(): Promise<Metadata> {
    return this.#metadata.get(KEPT)
  }

  /** The JWK set; `isNewer`: the right key was not in it, so that it is asked for again if the last time was not just now. */
  keys(isNewer: boolean): Promise<object> {
    return this.#keys.get(isNewer ? REFETCH : KEPT)
  }

  async #fetchKeys(): Promise<object> {
    const keys = await fetchJson((await this.metadata()).jwks_uri)
    if (!Array.isArray((keys as { keys?: unknown }).keys)) throw failed('It gave no keys.')
    return keys
  }

  async #discover(): Promise<Metadata> {
    const address = `${this.#issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
    const found = (await fetchJson(address)) as Partial<Metadata>
    // OpenID Connect Discovery 4.3: else one provider could speak for another.
    if (found.issuer !== this.#issuer) throw failed(`It names itself ${JSON.stringify(found.issuer)}.`)
    const { authorization_endpoint, token_endpoint, jwks_uri } = found
    for (const endpoint of [authorization_endpoint, token_endpoint, jwks_uri]) {
      const isThere = endpoint !== undefined && URL.canParse(endpoint)
      if (!isThere || (this.#issuer.startsWith('https:') && !endpoint.startsWith('https:')))
        throw failed('Its metadata lack an https:// address that is needed.')
    }
    return found as Metadata
  }
}

/** JSON from an address of the provider; `form`: sent by POST. */
export async function fetchJson(
  address: string,
  { form, headers = {} }: { form?: URLSearchParams; headers?: Record<string, string> } = {},
): Promise<object> {
  let answer: Response
  let text = ''
  try {
    answer = await fetch(address, {
      ...(form ? { method: 'POST', body: form } : {}),
      headers: { accept: 'application/json', ...headers },
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE),
    })
    const decoder = new TextDecoder()
    for await (const part of answer.body ?? []) {
      text += decoder.decode(part, { stream: true })
      if (text.length > MAX_ANSWER) throw new Error('the answer is too long')
    }
  } catch (cause) {
    throw failed(`${new URL(address).origin} cannot be reached.`, cause)
  }
  const { origin } = new URL(address)
  const value = parsed(text)
  if (!answer.ok) {
    const error = errorOf(value)
    // RFC 6749 5.2: of the code, which strangers can make up, and which counts for some minutes.
    if (error === 'invalid_grant')
      throw new CaError(
        'unauthenticated',
        'The OpenID provider does not take the code of this sign-in: begin anew.',
      )
    throw failed(`${origin} answered with HTTP status ${answer.status}${error && ` and "${error}"`}.`)
  }
  if (value === null) throw failed(`${origin} answered with something other than JSON.`)
  return value
}

function parsed(text: string): object | null {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

/** What it names as the fault (RFC 6749 5.2), such as "invalid_client"; "" where it names none. */
function errorOf(answer: object | null): string {
  const { error } = (answer ?? {}) as { error?: unknown }
  return typeof error === 'string' && /^[\w.:/-]{1,100}$/.test(error) ? error : ''
}

export function failed(why: string, cause?: unknown): CaError {
  return new CaError('providerFailed', `The OpenID provider does not help: ${why}`, {
    cause,
    retryAfter: RETRY,
  })
}
