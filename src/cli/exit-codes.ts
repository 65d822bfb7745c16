/** What the exit status of every command means; scripts branch on it, so a number never changes its meaning. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  notFound: 4,
  notAllowed: 5,
  pending: 6,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const MEANINGS: Record<keyof typeof EXIT, string> = {
  ok: 'done',
  failed: 'refused by the service, or failed here',
  usage: 'a mistake in the command line or the configuration',
  unreachable: 'the service cannot be reached, is not proven by its certificate, or asks to try again later',
  notFound: 'what was named does not exist',
  notAllowed: 'the key, token or certificate is missing, not known or not enough',
  pending: 'the request waits for approval: run the same command again later',
}

/** The table that stands under `chancery --help`. */
export function exitCodeTable(): string {
  const lines = Object.entries(EXIT).map(
    ([name, code]) => `  ${code}  ${MEANINGS[name as keyof typeof EXIT]}`,
  )
  return ['Exit status:', ...lines].join('\n')
}

/** The exit status for an HTTP status of 400 and above. */
export function exitCodeFor(status: number): ExitCode {
  if (status === 404) return EXIT.notFound
  if (status === 401 || status === 403) return EXIT.notAllowed
  // 429 and 503 come with Retry-After: for a script the same as a service that is not up yet.
  if (status === 429 || status === 503) return EXIT.unreachable
  return EXIT.failed
}
