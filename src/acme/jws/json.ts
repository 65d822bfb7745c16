import { quoted } from '../../pki/names/quoted.ts'
import { AcmeError } from '../problem.ts'

export type JsonObject = Readonly<Record<string, unknown>>

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A JSON object in UTF-8, without a byte order mark. AcmeError 'malformed'; `what` names it: "The JWS payload". */
export function parseJsonObject(octets: Uint8Array, what: string): JsonObject {
  let text: string
  let value: unknown
  try {
    text = utf8.decode(octets)
    value = JSON.parse(text)
  } catch (cause) {
    throw new AcmeError('malformed', `${what} is not JSON in UTF-8.`, { cause })
  }
  if (!isObject(value)) throw new AcmeError('malformed', `${what} is not a JSON object.`)
  // RFC 7515 4 wants names to be unique: of two, this program might heed one and a filter in front of it the other.
  const twice = repeatedName(text)
  if (twice !== null) throw new AcmeError('malformed', `${what} has the member ${quoted(twice)} twice.`)
  return value
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Null is how serializers of .NET and Go write a member that was not set. */
export function isThere(member: unknown): boolean {
  return member !== undefined && member !== null
}

/** A name that one object has twice, however it is escaped; null if there is none. `json` must be valid. */
function repeatedName(json: string): string | null {
  const open: Set<string>[] = []
  for (let at = 0; at < json.length; at++) {
    const character = json[at]
    if (character === '{') open.push(new Set())
    else if (character === '}') open.pop()
    else if (character === '"') {
      const end = endOfString(json, at)
      // Only a name is followed by a colon, and it belongs to the innermost object: within arrays there are none.
      if (isColonNext(json, end + 1)) {
        const raw = json.slice(at, end + 1)
        const name = raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1)
        const names = open.at(-1)!
        if (names.has(name)) return name
        names.add(name)
      }
      at = end
    }
  }
  return null
}

/** Where the string that begins at `start` has its closing quote: the first with an even number of backslashes before it. */
function endOfString(json: string, start: number): number {
  let end = start
  for (;;) {
    end = json.indexOf('"', end + 1)
    let backslash = end - 1
    while (json[backslash] === '\\') backslash--
    if ((end - backslash) % 2 === 1) return end
  }
}

function isColonNext(json: string, from: number): boolean {
  let at = from
  while (json[at] === ' ' || json[at] === '\n' || json[at] === '\r' || json[at] === '\t') at++
  return json[at] === ':'
}
