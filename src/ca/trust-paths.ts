import { X509Certificate } from 'node:crypto'
import { isSelfSigned } from '../pki/certificate/self-signed.ts'
import type { Authority } from './authority.ts'

/** No honest hierarchy comes near; cross-certificates could lead in circles. */
const LONGEST_PATH = 8
const MOST_PATHS = 10

/** A way from an authority up to a root. DER. */
export interface TrustPath {
  /** The certificates to send after a leaf, its issuer first; the root is left out: a relying party has it. */
  readonly certificates: readonly Buffer[]
  readonly root: Buffer
  /** The first end among all of them. Seconds since 1970. */
  readonly until: number
}

/**
 * Every way from an authority up to a root (RFC 8555 7.4.2). The authority's own chain is the first; others are there where CAs have
 * several certificates, as in a root's rollover. `cross`: those that are nobody's own, DER.
 */
export function trustPaths(
  authority: Authority,
  all: readonly Authority[],
  cross: readonly Buffer[],
): readonly TrustPath[] {
  const own = [authority.certificate.der, ...authority.chain].map((der) => new X509Certificate(der))
  const certificates = new Map<string, X509Certificate>()
  for (const der of [...all.flatMap((one) => [one.certificate.der, ...one.chain]), ...cross]) {
    const certificate = new X509Certificate(der)
    certificates.set(certificate.fingerprint256, certificate)
  }
  const starts = [...certificates.values()].filter((one) => isSameCa(one, own[0]!))
  const found = starts.flatMap((start) => upwards([start], [...certificates.values()]))
  const texts = new Set<string>()
  return [own, ...found]
    .filter((path) => {
      const text = path.map(({ fingerprint256 }) => fingerprint256).join()
      return !texts.has(text) && texts.add(text)
    })
    .slice(0, MOST_PATHS)
    .map((path) => ({
      certificates: path.slice(0, -1).map(({ raw }) => raw),
      root: path.at(-1)!.raw,
      until: Math.min(...path.map(({ validToDate }) => validToDate.getTime() / 1000)),
    }))
}

/** The same CA by another certificate: the same name and the same key. */
function isSameCa(
  one: Pick<X509Certificate, 'publicKey' | 'subject'>,
  other: Pick<X509Certificate, 'publicKey' | 'subject'>,
): boolean {
  return one.subject === other.subject && one.publicKey.equals(other.publicKey)
}

/** With the root at the end. */
function upwards(path: X509Certificate[], certificates: readonly X509Certificate[]): X509Certificate[][] {
  const top = path.at(-1)!
  if (isSelfSigned(top)) return path.length > 1 ? [path] : []
  if (path.length >= LONGEST_PATH) return []
  return certificates
    .filter((issuer) => top.checkIssued(issuer) && top.verify(issuer.publicKey))
    .filter((issuer) => !path.some((below) => isSameCa(below, issuer)))
    .flatMap((issuer) => upwards([...path, issuer], certificates))
}
