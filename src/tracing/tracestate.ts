/** W3C Trace Context 3.3.1.3: what a program knows a trace by, and what it says of it. */
const KEY = /^(?:[a-z0-9][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/
/** From the first to the last character that is no white space. To look for that at the end would take time by the square of its length. */
const WITHIN_SPACE = /[^ \t]+(?:[ \t]+[^ \t]+)*/
const MOST_MEMBERS = 32
/** So many octets must be passed on; what is longer is cut, since it is kept with each span that waits (3.3.1.5). */
const MOST_OCTETS = 512
/** Members that are longer go first. */
const LONG_MEMBER = 128

/** As it is passed on with each span of the trace; "" for none, and for one that cannot be read (W3C Trace Context 3.3). */
export function parseTracestate(header: string | readonly string[] | undefined): string {
  if (header === undefined) return ''
  const members = [header]
    .flat()
    .join()
    .split(',')
    .map((member) => WITHIN_SPACE.exec(member)?.[0] ?? '')
    .filter((member) => member !== '')
  const keys = new Set<string>()
  for (const member of members) {
    const at = member.indexOf('=')
    const key = member.slice(0, Math.max(at, 0))
    if (!KEY.test(key) || !VALUE.test(member.slice(at + 1)) || keys.has(key)) return ''
    keys.add(key)
  }
  return members.length > MOST_MEMBERS ? '' : shortened(members).join()
}

function shortened(members: readonly string[]): readonly string[] {
  if (members.join().length <= MOST_OCTETS) return members
  const kept = members.filter(({ length }) => length <= LONG_MEMBER)
  while (kept.join().length > MOST_OCTETS) kept.pop()
  return kept
}
