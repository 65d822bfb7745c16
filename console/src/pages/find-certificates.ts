import { call, query } from '../api/client.ts'
import type { CertificateSummary } from '../api/types.ts'

export interface Found {
  certificates: CertificateSummary[]
  next: string | null
}

const PAGE = 25

/** The service looks at a limited number of rows at a time; so many times it is asked before a page is shown as it is. */
const STEPS = 8

/** A page that is as full as a few steps make it. */
export async function findCertificates(
  { search = '', ...filter }: Readonly<Record<string, string>>,
  after: string | undefined,
  signal: AbortSignal,
): Promise<Found> {
  const certificates = after === undefined ? await namedExactly(search, filter, signal) : []
  const known = new Set(certificates.map(({ serialNumber }) => serialNumber))
  let next: string | null = after ?? null
  for (let step = 0; step < STEPS; step++) {
    const wanted = { ...filter, ...searchFor(search), limit: PAGE - certificates.length, after: next }
    const found: Found = await call(`v1/certificates${query(wanted)}`, { signal })
    certificates.push(...found.certificates.filter(({ serialNumber }) => !known.has(serialNumber)))
    next = found.next
    if (next === null || certificates.length >= PAGE) break
  }
  return { certificates, next }
}

/** Those with exactly the name that was typed, which an index finds however old they are. */
async function namedExactly(
  search: string,
  filter: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<CertificateSummary[]> {
  const { text } = searchFor(search)
  if (text === undefined || !/[.:]/.test(text)) return []
  const wanted = { ...filter, name: text, limit: 12 }
  return (await call<Found>(`v1/certificates${query(wanted)}`, { signal })).certificates
}

/** What was typed: the start of a serial number, "*.example.test", or a part of a name. */
function searchFor(text: string): Record<string, string> {
  const typed = text.trim()
  if (typed === '') return {}
  if (typed.startsWith('*')) return { name: typed }
  const digits = typed.replaceAll(':', '')
  if (/^[0-9a-f]{8,40}$/i.test(digits)) return { serialNumber: digits }
  return { text: typed }
}
