import { X509Certificate } from 'node:crypto'
import { CaError } from '../errors.ts'
import { readBasicConstraints } from '../pki/certificate/ca-constraints.ts'
import { ANY_PURPOSE, EXTENDED_KEY_USAGES } from '../pki/certificate/extensions.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { nameToText } from '../pki/distinguished-name.ts'

/** No manufacturer's hierarchy comes near. */
const LONGEST_PATH = 8

/** What a TLS client showed: the certificate whose key it proved, and what it sent along with it. DER. */
export interface PeerCertificates {
  readonly certificate: Buffer
  readonly others: readonly Buffer[]
}

/** As many as manufacturers may have; a client cannot add to them without a CA's key. */
const MOST_REMEMBERED = 100

/** Trust anchors beside our own CA: those of the manufacturers of devices. */
export class DeviceTrust {
  readonly #anchors: readonly Ca[]
  /** A resumed TLS session brings the client's own certificate alone, so the CAs of its first handshake are kept. By their DER in base64. */
  readonly #between = new Map<string, Ca>()

  /** DER. Throws `CaError` "badConfiguration" for a certificate that is no CA's. */
  constructor(anchors: readonly Buffer[]) {
    this.#anchors = anchors.map(readAnchor)
  }

  get isEmpty(): boolean {
    return this.#anchors.length === 0
  }

  /** DER. */
  get anchors(): readonly Buffer[] {
    return this.#anchors.map(({ certificate }) => certificate.raw)
  }

  /**
   * Proves that a certificate leads to one of the trust anchors now, by way of the CA certificates that were sent along. Revocation
   * is not asked for: manufacturers' certificates live as long as the devices. Throws `CaError` "unauthenticated".
   */
  prove({ certificate, others }: PeerCertificates, now: Date): void {
    const leaf = new X509Certificate(certificate)
    const usages = leaf.keyUsage as string[] | undefined
    const isForClients = [EXTENDED_KEY_USAGES.clientAuth, ANY_PURPOSE].some((one) => usages?.includes(one))
    if (usages && usages.length > 0 && !isForClients) {
      throw refused('is not for TLS clients')
    }
    if (!isCurrent(leaf, now)) throw refused('has expired or is not valid yet')
    const good = (cas: Iterable<Ca>) => [...cas].filter((ca) => isCurrent(ca.certificate, now))
    const sent = others.flatMap((der) => readCa(der) ?? [])
    const path = pathUp(leaf, good(this.#anchors), good([...sent, ...this.#between.values()]))
    if (!path) throw refused('was issued neither by this CA nor by one that is trusted here')
    for (const ca of path) this.#remember(ca)
  }

  #remember(ca: Ca): void {
    this.#between.set(ca.certificate.raw.toString('base64'), ca)
    const [oldest] = this.#between.keys()
    if (this.#between.size > MOST_REMEMBERED) this.#between.delete(oldest!)
  }
}

interface Ca {
  readonly certificate: X509Certificate
  /** How many CAs may stand between it and a leaf. */
  readonly pathLength: number
}

function readAnchor(der: Buffer): Ca {
  let ca: Ca | null
  try {
    ca = readCa(der)
  } catch (cause) {
    const name = nameToText(parseCertificate(der, 'badConfiguration').subject)
    throw new CaError(
      'badConfiguration',
      `OpenSSL cannot read the trust anchor "${name}", nor check a client by it: look at the string types of its names.`,
      { cause },
    )
  }
  if (ca) return ca
  const { subject } = new X509Certificate(der)
  throw new CaError('badConfiguration', `A trust anchor is no CA certificate: "${subject}".`)
}

function readCa(der: Buffer): Ca | null {
  const certificate = new X509Certificate(der)
  if (!certificate.ca) return null
  try {
    const { pathLength } = readBasicConstraints(parseCertificate(der))
    return { certificate, pathLength: pathLength ?? LONGEST_PATH }
  } catch {
    return null
  }
}

/**
 * The CAs by which the leaf leads to a trusted one, or null. Level by level, and each CA once: strangers choose what they send,
 * and all paths through ten CAs that certify each other would be millions of signatures.
 */
function pathUp(leaf: X509Certificate, trusted: readonly Ca[], between: readonly Ca[]): readonly Ca[] | null {
  const path: Ca[] = []
  let level = [leaf]
  let left = between
  for (let cas = 0; level.length > 0 && cas <= LONGEST_PATH; cas++) {
    const issuedOne = ({ certificate, pathLength }: Ca) =>
      cas <= pathLength &&
      level.some((below) => below.checkIssued(certificate) && below.verify(certificate.publicKey))
    if (trusted.some(issuedOne)) return path
    const next = left.filter(issuedOne)
    left = left.filter((ca) => !next.includes(ca))
    path.push(...next)
    level = next.map(({ certificate }) => certificate)
  }
  return null
}

function isCurrent({ validFromDate, validToDate }: X509Certificate, now: Date): boolean {
  return validFromDate <= now && now <= validToDate
}

function refused(why: string): CaError {
  return new CaError('unauthenticated', `The client certificate ${why}.`)
}
