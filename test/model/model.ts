import type { CrlOptions } from '../../src/config/authority-schema.ts'
import { crlPartition } from '../../src/pki/crl/partition.ts'
import type { TestCa } from '../api/ca-fixture.ts'
import type { CrlHistory } from './crl-history.ts'

export interface Revoked {
  /** Seconds since 1970. */
  readonly revokedAt: number
  /** By its name. */
  readonly reason: string
  /** The clock was set back to before it since: until that comes again, CRLs and OCSP date it by their own time. */
  readonly wasAhead?: boolean
}

/** A certificate that was acknowledged. */
export interface Held {
  readonly serialNumber: string
  readonly der: Buffer
  readonly profile: string
  readonly names: readonly string[]
  /** Seconds since 1970. */
  readonly notAfter: number
  /** Of the CRL that it names; null where there is one for all. */
  readonly partition: number | null
  revocation: Revoked | null
}

/** An enrolment that can be made again. */
export interface Enrolment {
  /** Of what it gave last, and when: seconds since 1970. */
  serialNumber: string
  issuedAt: number
  readonly names: readonly string[]
  readonly idempotencyKey: string
  readonly body: object
  /** Bearer secret, and when it stops to fetch what it enrolled; null for the admin key. */
  readonly token: { readonly secret: string; readonly end: number } | null
}

/** What waits for an admin, or did. */
export interface Request {
  readonly id: number
  /** Seconds since 1970. */
  readonly expiresAt: number
  /** The serial number of the certificate that it is to renew. */
  readonly replaces: string | null
  /** Approved or refused. */
  isDecided: boolean
}

export type ModelCrlOptions = Pick<CrlOptions, 'delta' | 'partitions' | 'onRevocation'>

/** What the CA has acknowledged so far: all that it must still say, and nothing else. */
export class Model {
  readonly certificates: Held[] = []
  readonly enrolments: Enrolment[] = []
  readonly requests: Request[] = []
  /** The latest time that the clock has shown. Seconds since 1970. */
  latest = 0
  readonly crl: ModelCrlOptions

  constructor(crl: ModelCrlOptions) {
    this.crl = crl
  }

  /** One of them, by any number; there must be one. */
  at(index: number): Held {
    return this.certificates[index % this.certificates.length]!
  }

  // biome-ignore lint/suspicious/noExplicitAny: a certificate as the API shows it
  acknowledge(view: any, names: readonly string[]): void {
    const { serialNumber, certificate, profile, notAfter } = view
    const { partitions } = this.crl
    this.certificates.push({
      ...{ serialNumber, profile, names },
      der: Buffer.from(certificate.split('-----')[2], 'base64'),
      notAfter: Date.parse(notAfter) / 1000,
      partition: partitions > 1 && profile !== 'short-lived' ? crlPartition(serialNumber, partitions) : null,
      revocation: null,
    })
  }

  /** In the scope of a CRL. */
  revoked(partition: number | null): (Held & { revocation: Revoked })[] {
    return this.certificates.filter(
      (one): one is Held & { revocation: Revoked } =>
        one.revocation !== null && (partition === null || one.partition === partition),
    )
  }

  /** True where it changes something: a revocation is for ever, and only a hold becomes another one. */
  revoke(certificate: Held, reason: string, now: number): boolean {
    const before = certificate.revocation
    if (before && (before.reason !== 'certificateHold' || reason === 'certificateHold')) return false
    certificate.revocation = { revokedAt: now, reason }
    return true
  }
}

/** The CA that is held against the model, and the CRLs that it was seen to serve. */
export interface Real {
  readonly ca: TestCa
  readonly crls: CrlHistory
  /** Seconds since 1970. */
  readonly start: number
}
