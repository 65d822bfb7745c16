/** A refusal of the service (RFC 9457), or of the network on the way there (`status` 0). */
export class Problem extends Error {
  readonly status: number
  readonly title: string

  constructor(status: number, title: string, detail: string) {
    super(detail)
    this.status = status
    this.title = title
  }
}

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

let onSignedOut: () => void = () => {}

/** Called when the service says that the session has ended. */
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener
}

/** `path` begins behind the place where the service is mounted: "v1/certificates". Throws `Problem`. */
export async function call<T>(path: string, options: Call = {}): Promise<T> {
  const response = await send(path, options)
  return (response.status === 204 ? undefined : await response.json()) as T
}

export async function send(
  path: string,
  { method = 'GET', body, headers, signal }: Call = {},
): Promise<Response> {
  let response: Response
  try {
    response = await fetch(new URL(`../${path}`, location.href), {
      method,
      headers: {
        // No form of another site can set it, so what changes something was asked for here.
        'x-chancery-console': '1',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Problem(0, 'No answer', 'The service cannot be reached. Try again.')
  }
  if (!response.ok) throw await problemOf(response, path)
  return response
}

async function problemOf(response: Response, path: string): Promise<Problem> {
  const { title = response.statusText, detail = `The service answered ${response.status}.` } = await response
    .json()
    .catch(() => ({}))
  if (response.status === 401 && path !== 'v1/session') onSignedOut()
  return new Problem(response.status, title, detail)
}

/** A query of what is given; nothing for what is empty. */
export function query(parts: Readonly<Record<string, string | number | null | undefined>>): string {
  const given = Object.entries(parts).filter(
    ([, value]) => value !== '' && value !== null && value !== undefined,
  )
  return given.length === 0
    ? ''
    : `?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}`
}
