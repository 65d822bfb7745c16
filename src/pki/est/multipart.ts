export interface MultipartPart {
  /** The whole value of Content-Type. */
  readonly contentType: string
  /** Base64 on one line, or on lines that end with CRLF. */
  readonly base64: string
}

/** Base64 has no hyphen, so that no part can hold "--" and this. It needs no quotes (RFC 2045 5.1). */
const BOUNDARY = 'est-server-generated-key'

/**
 * A multipart/mixed body (RFC 2046 5.1) as serverkeygen answers with it (RFC 7030 4.4.2): each part in base64, without
 * preamble or epilogue. RangeError for a part that is not base64.
 */
export function multipartMixed(parts: readonly MultipartPart[]): { contentType: string; body: string } {
  const encoded = parts.map(({ contentType, base64 }) => {
    if (!/^[A-Za-z0-9+/=\r\n]+$/.test(base64))
      throw new RangeError('a part of a multipart body is not base64')
    // The CRLF before a delimiter belongs to it.
    const lines = base64.endsWith('\r\n') ? base64.slice(0, -2) : base64
    return `--${BOUNDARY}\r\nContent-Type: ${contentType}\r\nContent-Transfer-Encoding: base64\r\n\r\n${lines}\r\n`
  })
  return {
    contentType: `multipart/mixed; boundary=${BOUNDARY}`,
    body: `${encoded.join('')}--${BOUNDARY}--\r\n`,
  }
}
