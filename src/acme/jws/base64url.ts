/**
 * base64url without padding (RFC 7515 2), in its one canonical spelling (RFC 4648 3.5): null for anything else. Node
 * skips what it does not know, and ignores bits behind the last octet, so that one value would have many texts.
 */
export function readBase64url(text: string): Buffer | null {
  const octets = Buffer.from(text, 'base64url')
  return octets.toString('base64url') === text ? octets : null
}
