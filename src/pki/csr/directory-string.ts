import type { Element } from '../der/read.ts'
import { TAG } from '../der/write.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Text of a DirectoryString (RFC 5280 4.1.2.4) or IA5String, one meaning each: undefined for what some readers take for
 * Latin-1 and others for T.61, and for other types.
 */
export function directoryString({ tag, content }: Element): string | undefined {
  switch (tag) {
    case TAG.utf8String:
      try {
        return utf8.decode(content)
      } catch {
        return undefined
      }
    // Wider than PrintableString's alphabet: old clients put "*" and "@" of names into it.
    case TAG.printableString:
    case TAG.t61String:
    case TAG.ia5String:
      return content.every((octet) => octet < 0x80) ? content.toString('latin1') : undefined
    case TAG.bmpString: {
      if (content.length % 2) return undefined
      const text = Buffer.from(content).swap16().toString('utf16le')
      // The Basic Multilingual Plane has no surrogates.
      return /[\ud800-\udfff]/.test(text) ? undefined : text
    }
    default:
      return undefined
  }
}
