import { type KeyObject, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { Client } from '../client/client.ts'
import { ServiceError } from '../client/service-error.ts'
import type { IssuedAnswer, PendingAnswer } from './answers.ts'
import type { EnrolmentFiles } from './enrolment.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { facts } from './layout.ts'
import { duration } from './option-values.ts'
import { dropPendingKey, keepPendingKey, pendingKeyFile } from './pending-key.ts'
import { print, type Terminal } from './terminal.ts'

export interface WaitOptions {
  /** Seconds. */
  readonly wait?: number
  readonly json?: boolean
}

export function waitOption(command: Command): Command {
  return command.option(
    '--wait <duration>',
    'where an admin must approve: ask again for so long, 10m or 2h (once)',
    duration,
  )
}

export interface Submission {
  readonly path: string
  readonly body: object
  readonly files: EnrolmentFiles
  /** The new key that the request is for, if it is for one. */
  readonly newKey: KeyObject | null
}

/**
 * The certificate that was asked for. A request that waits for approval keeps its key beside the other files, so that it can
 * be made again, and ends as a `Failure` "pending"; one that was refused drops it.
 */
export async function submit(
  client: Client,
  { path, body, files, newKey }: Submission,
  { wait = 0, json }: WaitOptions,
  terminal: Terminal,
): Promise<IssuedAnswer> {
  const end = terminal.clock().getTime() + wait * 1000
  let told = false
  while (true) {
    const answer = await once(client, path, body, files)
    if ('certificate' in answer) return answer
    if (newKey) keepPendingKey(files, newKey)
    const left = end - terminal.clock().getTime()
    if (left > 0) {
      if (!told) terminal.stderr(`Request ${answer.id} waits for approval.\n`)
      told = true
      await sleep(Math.min(answer.retryAfter * 1000, left))
      continue
    }
    print(terminal, json, answer, () =>
      facts([
        ['Request', String(answer.id)],
        ['State', 'pending: an admin must approve it'],
        ['Expires', answer.expiresAt],
        ['Key', newKey && pendingKeyFile(files)],
      ]),
    )
    throw new Failure(
      EXIT.pending,
      `Request ${answer.id} waits for approval ("chancery request approve ${answer.id}"). Run the same command again to get the certificate.`,
    )
  }
}

async function once(
  client: Client,
  path: string,
  body: object,
  files: EnrolmentFiles,
): Promise<IssuedAnswer | PendingAnswer> {
  try {
    return await client.json('POST', path, { body, headers: { 'idempotency-key': randomUUID() } })
  } catch (error) {
    const refused = error instanceof ServiceError && error.code === 'requestRefused'
    if (refused) dropPendingKey(files)
    throw error
  }
}
