import type { Authorities } from './ca/authorities.ts'
import type { Authority } from './ca/authority.ts'
import { publicUrls } from './ca/certificate-template.ts'
import type { Issuer } from './ca/issue.ts'
import { OcspResponders, type OcspSigner } from './ca/ocsp-responders.ts'
import { Revoker } from './ca/revoke.ts'
import { type Clock, epochSeconds } from './clock.ts'
import { optionsOf } from './config/authority-options.ts'
import type { Config } from './config/config.ts'
import { type CrlPublisher, createCrlPublisher } from './crl/publisher.ts'
import type { FaultLog, HealthCheck } from './health.ts'
import { createOcspResponder, type OcspResponder } from './ocsp/responder.ts'
import type { Store } from './store/store.ts'

export interface RevocationParts {
  readonly config: Config
  readonly store: Store
  readonly clock: Clock
  readonly authorities: Authorities
  readonly issuer: Issuer
  readonly passphrase: string
  readonly log: FaultLog
  /** Called with the serial numbers that were revoked or released, when OCSP says so. */
  readonly changed: (serialNumbers: readonly string[]) => void
}

/** What revokes, and what tells relying parties of it. */
export interface Revocation {
  readonly revoker: Revoker
  readonly ocsp: OcspResponder
  readonly crl: CrlPublisher
  /** Who signs the OCSP responses of an authority whose key is here. Throws `CaError` where nobody can. */
  readonly ocspSignerOf: (authority: Authority) => Promise<OcspSigner>
  /** Makes what is missing or due; to be called again after authorities changed. */
  start(): Promise<void>
  health(): HealthCheck[]
  stop(): Promise<void>
}

/** How long a revocation waits for the CRL that shows it; a very large CRL follows a little later. Milliseconds. */
const CRL_PATIENCE = 2000

export function createRevocation(parts: RevocationParts): Revocation {
  const { config, store, clock, authorities, log } = parts
  const all = () => authorities.all()
  const ocspOptions = (authority: string) => optionsOf(config, authority).ocsp
  const responders = new OcspResponders({
    ...parts,
    directory: config.dir,
    options: ocspOptions,
    onError: (authority, error) =>
      log.error({ err: error, authority }, 'The certificate of an OCSP responder could not be made or read'),
  })
  const ocsp = createOcspResponder({
    ...{ authorities: all, store, clock },
    options: ocspOptions,
    signerOf: (authority) => responders.signerOf(authority),
    crlOf: (authority) => crl.current(authority),
    cacheEntries: config.ocsp.cacheEntries,
    uncachedRate: config.ocsp.uncachedRate,
    onError: (error) => log.error({ err: error }, 'An OCSP answer could not be made'),
    onWarning: (authority, reason) => log.warn({ authority }, reason),
  })
  const crl = createCrlPublisher({
    authorities: all,
    store,
    clock,
    options: (authority) => optionsOf(config, authority).crl,
    urls: () => (config.publicUrl === null ? null : publicUrls(config.publicUrl)),
    onError: (authority, error) => log.error({ err: error, authority }, 'A CRL could not be made or kept'),
    onWarning: (authority, reason) =>
      log.warn({ authority }, `The CRLs of an authority need a hand: ${reason}`),
  })
  const revoker = new Revoker({
    store,
    clock,
    changed: async (authority, serialNumbers) => {
      for (const lost of await responders.certificatesRevoked(serialNumbers)) ocsp.signerLost(lost)
      await Promise.all(serialNumbers.map((one) => ocsp.certificateChanged(authority, one)))
      parts.changed(serialNumbers)
    },
    // The revocation stands whatever becomes of the CRL; a failure is logged, and seen in readyz.
    publish: async (authority, partitions) => {
      // Where it has nothing left to answer for, nobody needs another, and its certificate may have ended.
      const { answersUntil = 0 } = authorities.get(authority) ?? {}
      if (answersUntil <= epochSeconds(clock())) return
      await patiently(
        crl.publish(authority, partitions).catch(() => {}),
        CRL_PATIENCE,
      )
    },
  })
  store.onResumed(() => {
    // A revocation in doubt may have taken effect, and a CRL may have failed: neither waits for the next one.
    ocsp.revocationsInDoubt()
    responders.revocationsInDoubt().then(
      (lost) => {
        for (const authority of lost) ocsp.signerLost(authority)
      },
      (error: unknown) => log.error({ err: error }, 'OCSP responders could not be looked through'),
    )
    parts.changed([])
    crl.start().catch((error: unknown) => log.error({ err: error }, 'CRLs could not be looked through'))
  })
  return {
    revoker,
    ocsp,
    crl,
    ocspSignerOf: (authority) => responders.signerOf(authority),
    async start() {
      ocsp.authoritiesChanged()
      await Promise.all([crl.start(), responders.start()])
    },
    health: () => [
      ...crl.health().map(({ authority, ok, reason, nextUpdate }) => ({
        ...{ name: `crl:${authority}`, ok, reason },
        until: nextUpdate ?? undefined,
      })),
      ...ocsp.health().map(({ authority, ...check }) => ({ name: `ocsp:${authority}`, ok: true, ...check })),
      ...responders.health().map(({ authority, ...check }) => ({ name: `ocsp:${authority}`, ...check })),
    ],
    async stop() {
      await Promise.all([crl.stop(), ocsp.stop(), responders.stop()])
    },
  }
}

function patiently(work: Promise<unknown>, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    work.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
