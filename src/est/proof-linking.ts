import { timingSafeEqual } from 'node:crypto'
import { CaError } from '../errors.ts'
import { readChallengePassword, readIdentityLinking } from '../pki/csr/channel-binding.ts'
import type { CertificationRequest } from '../pki/csr/parse.ts'
import type { Label } from './labels.ts'

/**
 * Proof that whoever made the CSR made this TLS connection (RFC 7030 3.5): the challenge password, or estIdentityLinking (RFC
 * 7894 3.3), is the base64 of the channel binding. `binding` is null where the connection has none. Throws "badCsrSignature", since what it proves is the same.
 */
export function checkLinked(csr: CertificationRequest, binding: Buffer | null, { options }: Label): void {
  if (options.channelBinding === 'ignored') return
  const texts = [readIdentityLinking(csr.attributes), readChallengePassword(csr.attributes)].filter(
    (text) => text !== null,
  )
  if (texts.length === 0) {
    if (options.channelBinding === 'allowed') return
    throw new CaError(
      'badCsrSignature',
      'The CSR is not bound to this TLS connection: put the base64 of tls-unique (TLS 1.2) or tls-exporter (TLS 1.3) into its challengePassword.',
    )
  }
  const expected = Buffer.from(binding?.toString('base64') ?? '', 'latin1')
  const isRight = (text: string) => {
    // globalsign/est ends the base64 with CRLF: line ends are no part of what it says.
    const given = Buffer.from(text.replace(/[\r\n]+/g, ''), 'utf8')
    return given.length === expected.length && timingSafeEqual(given, expected)
  }
  if (binding === null || !texts.every(isRight)) {
    throw new CaError(
      'badCsrSignature',
      'The challengePassword of the CSR does not bind it to this TLS connection: make a new CSR for each connection.',
    )
  }
}
