/** What webhooks can be told of. */
export const NOTICE_TYPES = [
  'certificate.issued',
  'certificate.revoked',
  'certificate.held',
  'certificate.released',
  'certificate.expiring',
  'authority.expiring',
  'crl.expiring',
  'request.pending',
] as const
export type NoticeType = (typeof NOTICE_TYPES)[number]

/** For whom the writer keeps notices. */
export interface NoticeSettings {
  readonly webhooks: readonly { readonly name: string; readonly events: readonly NoticeType[] }[]
  /** Notices that may wait for one webhook; what finds no room is dropped, and counted. */
  readonly most: number
}

/** Notices of what happens are written by the commands that make it happen, in the same transaction. */
export interface NoticeCommands {
  /** Makes room for these webhooks, and forgets those that are configured no more, with what waited for them. */
  useWebhooks: { input: { names: readonly string[] }; output: { forgotten: number } }
  /** What became of an attempt. Nothing, where the notice is gone already. `dueAt`: when to try again, milliseconds; null: never. */
  settleNotice: { input: { noticeId: number; dueAt: number | null }; output: Record<never, never> }
  /** Tells of ends to come, each once. `told`: how many had not been told before, and found room. */
  noticeEnds: { input: { ends: readonly ComingEnd[]; at: number }; output: { told: number } }
  /** Removes notices made before `createdBefore` (milliseconds), and marks of what ended before `now` (seconds). */
  sweepNotices: {
    input: { createdBefore: number; now: number; limit: number }
    output: { givenUp: readonly { webhook: string; count: number }[]; more: boolean }
  }
}

export interface ComingEnd {
  /** The same for the same end. */
  readonly subject: string
  /** Seconds since 1970. */
  readonly until: number
  readonly type: NoticeType
  readonly data: Record<string, unknown>
}
