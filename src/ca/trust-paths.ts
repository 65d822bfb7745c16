import { X509Certificate } from 'node:crypto'
import type { Authority } from './authority.ts'

/** No honest hierarchy comes near; cross-certificates could lead in circles. */
const LONGEST_PATH = 8
const MOST_PATHS = 10

const known = new WeakMap<Authority, { all: readonly Authority[]; paths: readonly (readonly Buffer[])[] }>()

/**
 * Every way from an authority up to a root, each as the certificates to send after a leaf, the root left out (RFC 8555 7.4.2).
 * The authority's own chain is the first; others are there where CAs have several certificates, as after a root's rollover.
 */
export function trustPaths(id: string, all: readonly Authority[]): readonly (readonly Buffer[])[] {
  const authority = all.find((one) => one.id === id)
  if (!authority) return []
  const cached = known.get(authority)
  // Until an authority is added or installed, each list holds the same authorities.
  if (cached?.all.length === all.length && cached.all.every((one, index) => one === all[index])) {
    return cached.paths
  }
  const paths = findPaths(authority, all)
  known.set(authority, { all, paths })
  return paths
}

function findPaths(authority: Authority, all: readonly Authority[]): readonly (readonly Buffer[])[] {
  const own = [authority.certificate.der, ...authority.chain.slice(0, -1)]
  const certificates = new Map<string, X509Certificate>()
  for (const der of all.flatMap(({ certificate, chain }) => [certificate.der, ...chain])) {
    const certificate = new X509Certificate(der)
    certificates.set(certificate.fingerprint256, certificate)
  }
  const starts = [...certificates.values()].filter(({ publicKey, subject }) =>
    isSameCa({ publicKey, subject }, new X509Certificate(authority.certificate.der)),
  )
  const found = starts.flatMap((start) => upwards([start], [...certificates.values()]))
  const paths = found.map((path) => path.map(({ raw }) => raw))
  const texts = new Set<string>()
  return [own, ...paths]
    .filter((path) => {
      const text = Buffer.concat([...path]).toString('base64')
      return !texts.has(text) && texts.add(text)
    })
    .slice(0, MOST_PATHS)
}

/** The same CA by another certificate: the same name and the same key. */
function isSameCa(
  one: Pick<X509Certificate, 'publicKey' | 'subject'>,
  other: Pick<X509Certificate, 'publicKey' | 'subject'>,
): boolean {
  return one.subject === other.subject && one.publicKey.equals(other.publicKey)
}

function upwards(path: X509Certificate[], certificates: readonly X509Certificate[]): X509Certificate[][] {
  const top = path.at(-1)!
  if (isSelfSigned(top)) return path.length > 1 ? [path.slice(0, -1)] : []
  if (path.length >= LONGEST_PATH) return []
  return certificates
    .filter((issuer) => top.checkIssued(issuer) && top.verify(issuer.publicKey))
    .filter((issuer) => !path.some((below) => isSameCa(below, issuer)))
    .flatMap((issuer) => upwards([...path, issuer], certificates))
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey)
}
