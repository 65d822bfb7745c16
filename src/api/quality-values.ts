/** What a header of content negotiation prefers (RFC 9110 12.4.2): by type or coding, in lower case, a weight of 0 to 1. 0 means never. */
export function qualityValues(header: string | string[] | undefined): ReadonlyMap<string, number> {
  const weights = new Map<string, number>()
  for (const part of String(header ?? '').split(',')) {
    const [what = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    const weight = parameters.find((text) => text.startsWith('q='))
    weights.set(what, weight === undefined ? 1 : Number(weight.slice(2)))
  }
  return weights
}
