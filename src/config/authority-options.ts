import { decode } from '../schema/value.ts'
import {
  AuthorityCrlOptions,
  AuthorityOcspOptions,
  type CrlOptions,
  type OcspOptions,
} from './authority-schema.ts'
import type { Frozen } from './freeze.ts'

/** What holds for one authority: its own options over those for all. Durations in seconds. */
export interface AuthorityConfig {
  readonly ocsp: OcspOptions
  readonly crl: CrlOptions
}

type Layer = Readonly<Record<string, unknown>>

/** Options of an authority, or of all, as the sources give them. */
export interface AuthorityLayers {
  readonly ocsp?: Layer
  readonly crl?: Layer
}

/** Completes what the sources give, which has passed the schema; `common` is what they give for all authorities. */
export function resolveAuthorities(
  given: Readonly<Record<string, AuthorityLayers>>,
  common: AuthorityLayers,
): Record<string, AuthorityConfig> {
  return Object.fromEntries(Object.entries(given).map(([id, own]) => [id, complete(own, common)]))
}

function complete(own: AuthorityLayers, common: AuthorityLayers): AuthorityConfig {
  return {
    ocsp: decode(AuthorityOcspOptions, known(AuthorityOcspOptions, { ...common.ocsp, ...own.ocsp })),
    crl: decode(AuthorityCrlOptions, known(AuthorityCrlOptions, { ...common.crl, ...own.crl })),
  }
}

/** The options for all hold some, such as the size of a cache, that no single authority has. */
function known(schema: { properties: object }, layer: Layer): Layer {
  return Object.fromEntries(Object.entries(layer).filter(([key]) => Object.hasOwn(schema.properties, key)))
}

/** The options of an authority, which may have none of its own. */
export function optionsOf(
  config: Frozen<AuthorityConfig & { authorities: Record<string, AuthorityConfig> }>,
  id: string,
): Frozen<AuthorityConfig> {
  return Object.hasOwn(config.authorities, id) ? config.authorities[id]! : config
}

/** Sentences that say which options exclude each other. `path` stands before them: "" or "authorities.<id>.". */
export function authorityContradictions(
  { ocsp, crl }: AuthorityConfig,
  path: string,
  hasPublicUrl: boolean,
): string[] {
  const found: string[] = []
  const check = (bad: boolean, what: string) => {
    if (bad) found.push(what)
  }
  check(crl.refresh >= crl.validity, `${path}crl.refresh must be shorter than ${path}crl.validity.`)
  check(
    crl.delta && crl.deltaRefresh >= crl.deltaValidity,
    `${path}crl.deltaRefresh must be shorter than ${path}crl.deltaValidity.`,
  )
  check(
    crl.onRevocation === 'delta' && !crl.delta,
    `${path}crl.onRevocation "delta" needs ${path}crl.delta: true.`,
  )
  check(
    (crl.delta || crl.partitions > 1) && !hasPublicUrl,
    `${path}crl.delta and ${path}crl.partitions need publicUrl, or an httpPort other than 0: CRLs and certificates name addresses that must last.`,
  )
  check(
    ocsp.signer === 'delegated' && ocsp.responderValidity < 3 * ocsp.validity,
    `${path}ocsp.responderValidity must be at least three times ${path}ocsp.validity: a response must not outlive its signer.`,
  )
  check(
    ocsp.expired === 'unauthorized' && ocsp.archiveCutoff !== undefined,
    `${path}ocsp.archiveCutoff says that expired certificates have a status, and ${path}ocsp.expired that they have none.`,
  )
  return found
}
