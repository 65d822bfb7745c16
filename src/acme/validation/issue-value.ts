/** RFC 8659 4.2: what CAA's issue and issuewild hold, and the records of dns-persist-01. */
export interface IssueValue {
  /** Lower case. Empty where nobody is named. */
  readonly issuer: string
  /** In their order, tags in lower case; one tag may stand twice. */
  readonly parameters: readonly (readonly [tag: string, value: string])[]
}

const LABEL = /^[a-z0-9]+(?:-+[a-z0-9]+)*$/i
const VALUE = /^[\x21-\x3a\x3c-\x7e]*$/

/** null for what does not follow the grammar to the letter. */
export function parseIssueValue(text: string): IssueValue | null {
  const [first = '', ...rest] = text.split(';').map(trimmed)
  if (first !== '' && !first.split('.').every((label) => LABEL.test(label))) return null
  // A semicolon may stand alone behind the issuer, but not behind a parameter.
  const list = rest.length === 1 && rest[0] === '' ? [] : rest
  const parameters: (readonly [string, string])[] = []
  for (const parameter of list) {
    const equals = parameter.indexOf('=')
    if (equals < 0) return null
    const tag = trimmed(parameter.slice(0, equals))
    const value = trimmed(parameter.slice(equals + 1))
    if (!LABEL.test(tag) || !VALUE.test(value)) return null
    parameters.push([tag.toLowerCase(), value])
  }
  return { issuer: first.toLowerCase(), parameters }
}

/** Every value of one parameter; `tag` in lower case. */
export function valuesOf({ parameters }: IssueValue, tag: string): string[] {
  return parameters.filter(([one]) => one === tag).map(([, value]) => value)
}

/** Whom a record should name, for an error. */
export function oneOf(issuerDomains: readonly string[]): string {
  return issuerDomains.join(' or ') || 'no issuer, since this server has none,'
}

/** WSP is space and tab alone (RFC 5234 B.1). */
function trimmed(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isWhite(text[start]!)) start++
  while (end > start && isWhite(text[end - 1]!)) end--
  return text.slice(start, end)
}

function isWhite(character: string): boolean {
  return character === ' ' || character === '\t'
}
