import type { CertificateSummary } from './queries.ts'

export interface NoticeQueries {
  /**
   * Those whose time has come by `now` (milliseconds), the longest due first; then those whose time is after `latest`, for which no
   * notice waits: it was set by a clock that was ahead.
   */
  dueNotices(webhook: string, now: number, latest: number, limit: number): Promise<NoticeRow[]>
  webhookCounts(): Promise<WebhookCounts[]>
  /** Certificates to tell of that they end, in steps that each look at so many at most; `next` is null at the end. */
  endingCertificates(
    filter: EndingFilter,
    after: EndingPlace | null,
  ): Promise<{ rows: CertificateSummary[]; next: EndingPlace | null }>
}

export interface NoticeRow {
  noticeId: number
  message: string
  body: string
  /** Milliseconds since 1970. */
  createdAt: number
  attempts: number
}

export interface WebhookCounts {
  webhook: string
  waiting: number
  /** Since there is a database. */
  dropped: number
}

/**
 * Certificates that end within `notice` seconds, or within the last quarter of their life if that is shorter; that are not
 * revoked, were not told of, and have not been renewed by one that is not revoked: neither does another say that it replaces
 * them, nor is there one of the same profile and names, in any order, that ends later.
 */
export interface EndingFilter {
  readonly now: number
  readonly notice: number
}

export interface EndingPlace {
  readonly notAfter: number
  readonly id: number
}
