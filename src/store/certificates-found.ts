import type { CertificateFilter, CertificateSummary, Queries } from './queries.ts'

/** All that match, in the order of the search, page after page of `limit` rows: for those who stop when they have what they want. */
export async function* certificatesFound(
  read: Pick<Queries, 'searchCertificates'>,
  filter: CertificateFilter,
  limit: number,
): AsyncGenerator<CertificateSummary, void> {
  for (let after: string | null | undefined; after !== null; ) {
    const page: Awaited<ReturnType<typeof read.searchCertificates>> = await read.searchCertificates(filter, {
      limit,
      ...(after === undefined ? {} : { after }),
    })
    yield* page.rows
    after = page.next
  }
}
