import { Acme } from './acme/acme.ts'
import { SealedSecrets } from './acme/sealed-secrets.ts'
import { Access } from './auth/access.ts'
import type { OpenIdSignIn } from './auth/openid.ts'
import { followAuthorities } from './authority-changes.ts'
import { Approvals } from './ca/approvals.ts'
import { AuditHeads } from './ca/audit-chain/heads.ts'
import { Authorities } from './ca/authorities.ts'
import { publicUrls } from './ca/certificate-template.ts'
import { Phases } from './ca/hierarchy/phases.ts'
import { idempotencyKeySweeper } from './ca/idempotency-keys.ts'
import { withInternal } from './ca/internal-profiles.ts'
import { Issuer } from './ca/issue.ts'
import type { Revoker } from './ca/revoke.ts'
import { keepRootFile } from './ca/root-file.ts'
import type { Clock } from './clock.ts'
import { optionsOf } from './config/authority-options.ts'
import type { Config } from './config/config.ts'
import { dataFiles } from './config/data-directory.ts'
import type { Profile } from './config/profile-schema.ts'
import { keepWebhooks, noticeSettings, openIdOf, tracerOf, webhooksOf } from './configured-parts.ts'
import type { CrlPublisher } from './crl/publisher.ts'
import { Labels } from './est/labels.ts'
import type { FaultLog, HealthCheck } from './health.ts'
import type { OcspResponder } from './ocsp/responder.ts'
import { createRevocation } from './revocation.ts'
import { RevokedAuthorities } from './revoked-authorities.ts'
import { ownChecks } from './service-checks.ts'
import { prepareStore } from './store/prepared.ts'
import type { Store } from './store/store.ts'
import type { Tracer } from './telemetry/exporter.ts'
import { withinService } from './tracing/spans.ts'
import type { Webhooks } from './webhooks/webhooks.ts'

/** Everything that listeners and embedding applications need, opened and wired; no HTTP in it. */
export interface Service {
  readonly config: Config
  readonly clock: Clock
  readonly store: Store
  readonly access: Access
  readonly authorities: Authorities
  readonly profiles: ReadonlyMap<string, Profile>
  readonly issuer: Issuer
  readonly approvals: Approvals
  readonly phases: Phases
  readonly revoker: Revoker
  readonly acme: Acme
  /** Of EST. */
  readonly labels: Labels
  readonly ocsp: OcspResponder
  readonly crl: CrlPublisher
  /** Null where none are configured. */
  readonly webhooks: Webhooks | null
  /** Null where nothing is traced. */
  readonly tracer: Tracer | null
  /** Where the keys of new authorities go. */
  keyPlace(): { store: Store; directory: string; passphrase: string }
  /** To be called after an authority was installed: loads it and publishes its first CRL. */
  authoritiesChanged(): Promise<void>
  health(): HealthCheck[]
  /** For parts outside of the service, such as a listener, that `health` should report too. */
  addCheck(check: () => HealthCheck): void
  /** Called with the serial numbers that were revoked or released, and with none after authorities changed. */
  onChange(listener: (serialNumbers: readonly string[]) => void): void
  /** Called after each certificate that was issued. */
  onIssued(listener: () => void): void
  /** Drains what is under way and closes the store. The listeners must have stopped before. */
  close(): Promise<void>
}

export interface ServiceOptions {
  readonly config: Config
  readonly passphrase: string
  readonly clock: Clock
  readonly log: FaultLog
  /** The base of public URLs where the configuration names none: known once the plain listener has its port. */
  readonly publicUrl: () => string
}

/** Everything of it that can be made before the database is there. */
export interface PreparedService {
  /** For what is built on it meanwhile. Not to be asked for anything before `open` has returned. */
  readonly service: Service
  /** Opens the store and the keys. Throws `CaError` "badConfiguration" where they cannot be used; then nothing is left open. */
  open(): Promise<void>
}

/** Opens the store and the keys. Throws `CaError` "badConfiguration" where they cannot be used. */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { service, open } = await prepareService(options)
  await open()
  return service
}

/** Throws `CaError` "badConfiguration" where the configuration cannot be used. */
export async function prepareService(options: ServiceOptions): Promise<PreparedService> {
  const tracer = await tracerOf(options)
  if (!tracer) return prepareParts(options, null)
  const within = async <T>(work: () => Promise<T>) => {
    try {
      return await withinService(tracer, work)
    } catch (error) {
      await tracer.stop()
      throw error
    }
  }
  const { service, open } = await within(() => prepareParts(options, tracer))
  return { service, open: () => within(open) }
}

async function prepareParts(options: ServiceOptions, tracer: Tracer | null): Promise<PreparedService> {
  const { config, passphrase, clock, log } = options
  const profiles = withInternal(config)
  const labels = new Labels(config, profiles)
  const openId = await openIdOf(config, clock)
  const { store, open: openDatabase } = prepareStore({
    file: dataFiles(config.dir).database,
    queueLimit: { commands: config.limits.queue, bytes: 64 * 1024 * 1024 },
    notices: noticeSettings(config),
  })
  const authorities = new Authorities(store, config.dir, passphrase, {
    clock,
    rootFor: (profile) => profiles.get(profile)?.chain,
  })
  const parts = { ...options, tracer, profiles, labels, openId, store, authorities }
  const { service, start } = await wireParts(parts)
  async function open(): Promise<void> {
    await openDatabase()
    try {
      // First of all: from here on each command finds the webhooks that it has to leave word for.
      await keepWebhooks(store, config, log)
      await authorities.reload()
    } catch (error) {
      await store.close()
      throw error
    }
    try {
      await start()
    } catch (error) {
      await service.close()
      throw error
    }
  }
  return { service, open }
}

interface OpenedParts extends ServiceOptions, Pick<Service, 'tracer' | 'profiles' | 'labels' | 'store'> {
  readonly authorities: Authorities
  readonly openId: OpenIdSignIn | null
}

/** Nothing runs before `start`, and from then on the service's `close` ends it. */
async function wireParts(parts: OpenedParts): Promise<{ service: Service; start: () => Promise<void> }> {
  const { config, passphrase, clock, log, publicUrl, tracer } = parts
  const { profiles, labels, openId, store, authorities } = parts
  const issuedListeners: (() => void)[] = []
  const issuer = new Issuer({
    store,
    clock,
    authorities,
    profiles,
    defaultProfile: config.defaultProfile,
    waiting: config.approvals,
    urls: () => publicUrls(publicUrl()),
    idempotencyKeyLife: config.limits.idempotencyKeys,
    crlPartitions: (authority) => optionsOf(config, authority).crl.partitions,
    issued: () => {
      for (const listener of issuedListeners) listener()
    },
  })
  const approvals = new Approvals({
    ...{ store, clock, issuer },
    onError: (error) =>
      log.error({ err: error }, 'Old requests could not be removed, which will be tried again'),
  })
  const keySweeper = idempotencyKeySweeper({
    ...{ store, clock, life: config.limits.idempotencyKeys },
    onError: (error) =>
      log.error({ err: error }, 'Old idempotency keys could not be removed, which will be tried again'),
  })
  const checks: (() => HealthCheck)[] = []
  const listeners: ((serialNumbers: readonly string[]) => void)[] = []
  const changed = (serialNumbers: readonly string[]) => {
    for (const listener of listeners) listener(serialNumbers)
  }

  const revocation = createRevocation({
    ...{ config, store, clock, authorities, issuer, passphrase, log, changed },
  })
  const { revoker, ocsp, crl } = revocation
  const revoked = new RevokedAuthorities({ authorities, crl, clock, log })
  const auditHeads = new AuditHeads({
    ...{ store, authorities, issuer, clock, passphrase },
    directory: config.dir,
    interval: config.audit.headInterval,
    onSigned: (head) => log.info?.({ head }, 'The head of the audit log was signed'),
    onError: (error) =>
      log.error({ err: error }, 'The head of the audit log could not be signed, and will be'),
  })
  const access = new Access(
    { store, clock },
    {
      ...{ admins: config.admins, openId },
      sessionIdle: config.console.session,
      sessionVouched: config.oidc?.session ?? 0,
    },
  )
  const secrets = new SealedSecrets(passphrase)
  const acme = new Acme(
    { store, clock, config: config.acme, profiles, authorities, issuer, revoker, secrets },
    (error) => log.error({ err: error }, 'Something in ACME went wrong, and will be tried again'),
  )

  const webhooks = await webhooksOf({ config, store, clock, log, crl, authorities: () => authorities.all() })
  const keepRoots = () =>
    keepRootFile(dataFiles(config.dir).root, authorities).catch((error: unknown) =>
      log.error({ err: error }, 'root.pem in the data directory could not be brought up to date'),
    )
  const following = followAuthorities({ authorities, revocation, keepRoots, changed, log })
  const authoritiesChanged = following.changed
  store.onResumed(following.inDoubt)
  const phases = new Phases({
    ...{ store, clock, authorities, profiles },
    labels: config.est.enabled ? labels.all() : [],
    propagation: config.rollover.propagation,
    crlOf: (id) => crl.current(id),
    ocspSignerOf: revocation.ocspSignerOf,
    changed: authoritiesChanged,
  })

  const service: Service = {
    config,
    clock,
    store,
    access,
    authorities,
    profiles,
    ocsp,
    crl,
    webhooks,
    tracer,
    issuer,
    approvals,
    phases,
    revoker,
    acme,
    labels,
    keyPlace: () => ({ store, directory: config.dir, passphrase }),
    authoritiesChanged,
    addCheck: (check) => checks.push(check),
    onChange: (listener) => listeners.push(listener),
    onIssued: (listener) => issuedListeners.push(listener),
    health: () => [
      ...ownChecks({
        ...{ store, authorities, clock, revocation, revoked },
        acme: config.acme.enabled ? acme : null,
      }),
      ...(webhooks?.health() ?? []),
      ...checks.map((check) => check()),
    ],
    async close() {
      await following.stop()
      revoked.stop()
      acme.stop()
      approvals.stop()
      keySweeper.stop()
      await webhooks?.stop()
      await auditHeads.stop()
      await revocation.stop()
      await store.close()
      await tracer?.stop()
    },
  }
  const start = async () => {
    // Roots too: a kill may have come between a change of them and the file.
    await Promise.all([revocation.start(), ocsp.start(), acme.start(), keepRoots()])
    following.start()
    revoked.start()
    approvals.start()
    keySweeper.start()
    webhooks?.start()
    auditHeads.start()
  }
  return { service, start }
}
