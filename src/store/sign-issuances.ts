import { sign } from 'node:crypto'
import { prove } from '../pki/csr/prove.ts'
import { assembleSigned } from '../pki/signed.ts'
import type { UnsignedCertificate } from './commands.ts'
import { toCrossed } from './crossed-error.ts'
import type { Answer, QueuedCommand, ReadyCommand } from './writer-messages.ts'

/**
 * Makes the certificates of a batch that are not signed yet. Before the transaction, and once, however often its commands
 * are run. A CSR whose proof fails is answered here, and costs the others nothing.
 */
export function signIssuances(queued: readonly QueuedCommand[]): {
  ready: ReadyCommand[]
  refused: Answer[]
} {
  const ready: ReadyCommand[] = []
  const refused: Answer[] = []
  for (const command of queued) {
    try {
      ready.push(signed(command))
    } catch (error) {
      refused.push({ id: command.id, error: toCrossed(error) })
    }
  }
  return { ready, refused }
}

function signed({ id, kind, input }: QueuedCommand): ReadyCommand {
  if (!('unsigned' in input)) return { id, kind, input } as ReadyCommand
  const { unsigned, ...record } = input
  // Of its own size, since it is posted to the main thread.
  const der = new Uint8Array(signCertificate(unsigned))
  return { id, kind: 'recordIssuance', input: { ...record, der } }
}

/** The certificate, DER, once the subject has proven its key. Errors: those of `prove`; then nothing is signed. */
export function signCertificate({ tbs, hash, identifier, key, possession }: UnsignedCertificate): Buffer {
  if (possession) prove(possession)
  return assembleSigned(tbs, { identifier }, sign(hash, tbs, key))
}
