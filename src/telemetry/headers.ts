import { CaError } from '../errors.ts'

/** RFC 9110 5.6.2. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\x20-\x7e]*$/
/** What the sender says itself of each message. */
const OURS = new Set(['connection', 'content-length', 'content-type', 'host', 'transfer-encoding'])

/**
 * Headers as OTEL_EXPORTER_OTLP_HEADERS has them: "api-key=abc,x-tenant=one%20two", names in lower case; line breaks separate as commas
 * do. Throws `CaError` "badConfiguration", which names no value: they are secrets.
 */
export function parseHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {}
  const refuse = (which: number, why: string): never => {
    throw new CaError(
      'badConfiguration',
      `tracing.headersFile: header ${which} ${why}. Write "name=value" with commas or line breaks between, values percent-encoded.`,
    )
  }
  const pairs = text.split(/[,\n]/).map((pair) => pair.trim())
  for (const [index, pair] of pairs.filter((one) => one !== '').entries()) {
    const at = pair.indexOf('=')
    if (at < 0) refuse(index + 1, 'has no "="')
    const name = pair.slice(0, at).trim().toLowerCase()
    if (!NAME.test(name)) refuse(index + 1, 'has no name that HTTP knows')
    if (OURS.has(name)) refuse(index + 1, `is "${name}", which is not to be set`)
    if (Object.hasOwn(headers, name)) refuse(index + 1, `is "${name}" again`)
    const value = decoded(pair.slice(at + 1).trim())
    if (value === null || !VALUE.test(value)) refuse(index + 1, `"${name}" has a value that cannot be sent`)
    headers[name] = value!
  }
  return headers
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
