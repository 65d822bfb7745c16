import type { Authorities } from '../ca/authorities.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import { certsOnly } from '../pki/bundle/pkcs7.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import type { Label } from './labels.ts'

type Source = Pick<Authorities, 'publishedFor' | 'pathsFor' | 'roots' | 'crossCertificates'>

interface Answer {
  /** What it was made of, the expired ones included. */
  readonly of: readonly Buffer[]
  /** It holds from the last end before it until the first after it. Seconds since 1970. */
  readonly from: number
  readonly until: number
  readonly certificates: Buffer
}

/** What `cacerts` says for each label (RFC 7030 4.1.3), made once for each change of it. */
export class CaCertificates {
  readonly #authorities: Source
  readonly #clock: Clock
  readonly #answers = new Map<Label, Answer>()

  constructor(authorities: Source, clock: Clock) {
    this.#authorities = authorities
    this.#clock = clock
  }

  /** Certs-only CMS, DER. Throws as `Authorities.issuing` does. */
  for(label: Label): Buffer {
    const of = this.#all(label)
    const now = epochSeconds(this.#clock())
    const known = this.#answers.get(label)
    if (known && known.from <= now && now < known.until && isSame(known.of, of)) return known.certificates
    const made = answerOf(of, now)
    this.#answers.set(label, made)
    return made.certificates
  }

  #all(label: Label): readonly Buffer[] {
    const authorities = this.#authorities
    // What is needed for a certificate that was issued here, also by the one before; the enrolment brings no chain.
    const paths = authorities
      .publishedFor(label.authority)
      .flatMap(({ id: authority }) => authorities.pathsFor({ authority, profile: label.profile.name }))
    // OldWithNew and NewWithOld (RFC 4210 4.4) go along, so that whoever trusts either root comes to trust the other.
    const cross = authorities.crossCertificates().map(({ certificate }) => certificate)
    return [...paths.flatMap(({ certificates }) => certificates), ...authorities.roots(), ...cross]
  }
}

function answerOf(of: readonly Buffer[], now: number): Answer {
  const all = [...new Map(of.map((der) => [der.toString('base64'), der])).values()]
  const dated = all.map((der) => ({ der, notAfter: parseCertificate(der).notAfter }))
  // libest proves each of them, and takes none where one has expired; nobody needs that.
  const current = dated.filter(({ notAfter }) => notAfter > now)
  const expired = dated.filter(({ notAfter }) => notAfter <= now)
  return {
    of,
    from: Math.max(Number.NEGATIVE_INFINITY, ...expired.map(({ notAfter }) => notAfter)),
    until: Math.min(...current.map(({ notAfter }) => notAfter)),
    certificates: certsOnly(current.map(({ der }) => der)),
  }
}

/** By what they are, not by their octets: whatever is read anew is compared anew. */
function isSame(some: readonly Buffer[], others: readonly Buffer[]): boolean {
  return some.length === others.length && some.every((one, index) => one === others[index])
}
