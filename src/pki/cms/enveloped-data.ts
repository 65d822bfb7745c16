import { randomBytes } from 'node:crypto'
import { contextPrimitive, integer, sequence, setOf } from '../der/write.ts'
import { encryptCbc } from './aes.ts'
import type { MessageAlgorithms } from './capabilities.ts'
import { CONTENT_TYPE, contentInfo } from './content-info.ts'
import { type Recipient, recipientInfo } from './recipient-info.ts'

/**
 * ContentInfo with EnvelopedData (RFC 5652 6) for one recipient. `content` is DER of `contentType`, an encoded OID.
 * Errors: those of `recipientInfo`.
 */
export async function envelopedData(
  contentType: Uint8Array,
  content: Uint8Array,
  recipient: Recipient,
  algorithms: MessageAlgorithms,
): Promise<Buffer> {
  const key = randomBytes(algorithms.content)
  try {
    const { algorithm, ciphertext } = encryptCbc(key, algorithms.content, content)
    const recipients = setOf(await recipientInfo(recipient, key, algorithms))
    // RFC 5652 6.1: version 2, since no RecipientInfo of ours has version 0.
    const enveloped = sequence(
      integer(2),
      recipients,
      sequence(contentType, algorithm, contextPrimitive(0, ciphertext)),
    )
    return contentInfo(CONTENT_TYPE.envelopedData, enveloped)
  } finally {
    key.fill(0)
  }
}
