import { isIP } from 'node:net'
import type { TSchema } from 'typebox'
import { CaError } from '../errors.ts'
import { normaliseName, parseNameText } from '../pki/names/normalise.ts'
import { nameText } from '../pki/names/san.ts'
import Type from '../schema/build.ts'
import { decode, isMap } from '../schema/value.ts'
import { acmeContradictions } from './acme-rules.ts'
import { adminContradictions } from './admin-schema.ts'
import {
  type AuthorityConfig,
  type AuthorityLayers,
  authorityContradictions,
  resolveAuthorities,
} from './authority-options.ts'
import { faults } from './check.ts'
import type { Environment } from './environment.ts'
import { type EstConfig, estContradictions, resolveEstLabels } from './est-rules.ts'
import { deepFreeze, type Frozen } from './freeze.ts'
import { nearest } from './nearest.ts'
import { oidcContradictions } from './oidc-schema.ts'
import { resolveProfiles } from './profile.ts'
import type { Profile } from './profile-schema.ts'
import { FileOptions } from './schema.ts'
import { tracingContradictions } from './tracing-schema.ts'
import { webhookContradictions } from './webhook-rules.ts'

/** Everything that can be configured, complete and checked. Durations in seconds. */
export type Config = Frozen<
  Omit<FileOptions, 'profiles' | 'authorities' | 'publicUrl' | 'est'> & {
    /** The data directory, absolute. */
    dir: string
    /**
     * `http://` and no slash at its end: paths such as "/ocsp" follow. Null where it is not given and `httpPort` is 0:
     * the port is then known only once the plain listener has it.
     */
    publicUrl: string | null
    profiles: Record<string, Profile>
    /** Complete options of those authorities that have some of their own: see `optionsOf`. */
    authorities: Record<string, AuthorityConfig>
    est: EstConfig
  }
>

/** Options as the file would give them: every one optional, durations as text. */
export type RawOptions = Record<string, unknown>

export interface ConfigSources {
  readonly dir: string
  /** Lowest first: the parsed file, the environment, the command line. */
  readonly file: unknown
  readonly environment: Environment
  readonly overrides?: RawOptions | undefined
}

/** A pure function of its sources; throws `CaError` "badConfiguration" that names every fault. */
export function buildConfig({ dir, file, environment, overrides = {} }: ConfigSources): Config {
  const layers = [file ?? {}, environmentOptions(environment), overrides]
  const labels = ['chancery.yaml: ', '', '']
  refuse(
    layers.flatMap((layer, index) => faults(FileOptions, layer, '').map((fault) => labels[index] + fault)),
  )

  const options = layers.reduce(merge, {}) as {
    profiles?: Record<string, RawOptions>
    authorities?: Record<string, AuthorityLayers>
    est?: RawOptions & { labels?: Record<string, RawOptions> }
  } & AuthorityLayers
  const profiles = resolveProfiles(options.profiles ?? {})
  const authorities = resolveAuthorities(options.authorities ?? {}, options)
  // What has layers of its own is completed by itself, or defaults would go before what is common.
  const { est: given = {} } = options
  const layered = { profiles: {}, authorities: {}, est: { ...given, labels: {} } }
  const { publicUrl, ...rest } = decode(FileOptions, { ...options, ...layered })
  const est = { ...rest.est, labels: resolveEstLabels(given) }
  const config = { ...rest, dir, publicUrl: publicBase(publicUrl, rest.httpPort), profiles, authorities, est }
  refuse(contradictions(config))
  // In the one spelling in which certificates have them.
  const sds = { clients: rest.sds.clients.map((name) => nameText(parseNameText(name))) }
  return deepFreeze({ ...config, sds })
}

function merge(below: unknown, above: unknown): unknown {
  if (!isMap(below) || !isMap(above)) return above
  const merged: RawOptions = { ...below }
  for (const [key, value] of Object.entries(above)) merged[key] = merge(merged[key], value)
  return merged
}

/** The variables that are set, each in the place of its option. */
function environmentOptions(environment: Environment): RawOptions {
  const options: RawOptions = {}
  const collect = (schema: TSchema, into: RawOptions): void => {
    if (!Type.IsObject(schema)) return
    for (const [key, property] of Object.entries(schema.properties)) {
      const { env, type } = property as { env?: string; type?: string }
      // Empty counts as unset: that is all a compose file or a unit can do to unset one.
      const text = env ? environment[env] : undefined
      if (text && env) {
        const value = type === 'integer' && /^\d+$/.test(text) ? Number(text) : text
        refuse(faults(property, value, env))
        into[key] = value
      } else if (Type.IsObject(property)) {
        const nested: RawOptions = {}
        collect(property, nested)
        if (Object.keys(nested).length > 0) into[key] = nested
      }
    }
  }
  collect(FileOptions, options)
  return options
}

function publicBase(given: string | undefined, httpPort: number): string | null {
  if (given === undefined) return httpPort === 0 ? null : `http://localhost:${httpPort}`
  return checkedPublicUrl(given)
}

/** Without slashes at its end. Throws `CaError` "badConfiguration" for what is no base of addresses inside certificates. */
export function checkedPublicUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : null
  // RFC 5280 8: over https the client could not check the responder's own certificate without asking it first.
  if (url?.protocol !== 'http:' || url.username || url.password || url.search || url.hash) {
    refuse([
      `publicUrl must be an http:// address such as "http://ca.example.test", and is ${JSON.stringify(given)}.`,
    ])
  }
  // HAProxy asks for "//" where an OCSP address ends in a slash.
  const base = given.replace(/\/+$/, '')
  const written = url!.href.replace(/\/+$/, '')
  const spelt = base.replace(/^(http:\/\/[^/]*):80(?=\/|$)/i, '$1')
  // A parser forgives what a relying party, which finds it in a certificate, cannot read: line feeds, "http:host", letters with accents.
  if (!PLAIN_ADDRESS.test(base) || spelt.toLowerCase() !== written.toLowerCase()) {
    const advice = PLAIN_ADDRESS.test(written) ? `write ${JSON.stringify(written)}` : 'write another'
    refuse([
      `publicUrl stands in certificates as it is written, and few read ${JSON.stringify(given)}: ${advice}.`,
    ])
  }
  return base
}

/** RFC 3986, without a query, which nothing could be appended to. */
const PLAIN_ADDRESS =
  /^http:\/\/[A-Za-z0-9._~:[\]-]+(?:\/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?$/i

function contradictions(config: Config): string[] {
  const found: string[] = []
  const ports = {
    tlsPort: config.tlsPort,
    httpPort: config.httpPort,
    'metrics.port': config.metrics.port ?? 0,
  }
  for (const [port, options] of Map.groupBy(Object.entries(ports), ([, number]) => number)) {
    const names = options.map(([name]) => name)
    if (port !== 0 && names.length > 1) found.push(`${names.join(' and ')} are both ${port}.`)
  }
  const hasPublicUrl = config.publicUrl !== null
  found.push(...authorityContradictions(config, '', hasPublicUrl))
  for (const [id, own] of Object.entries(config.authorities))
    found.push(...authorityContradictions(own, `authorities.${id}.`, hasPublicUrl))
  if (!Object.hasOwn(config.profiles, config.defaultProfile)) {
    const guess = nearest(config.defaultProfile, Object.keys(config.profiles))
    found.push(
      `defaultProfile "${config.defaultProfile}" does not exist${guess ? `; did you mean "${guess}"?` : '.'}`,
    )
  }
  found.push(...oidcContradictions(config.oidc))
  found.push(...adminContradictions(config.admins, config.profiles))
  found.push(...acmeContradictions(config), ...estContradictions(config.est, config.profiles))
  found.push(...webhookContradictions(config.webhooks))
  found.push(...tracingContradictions(config.tracing))
  return [...found, ...badNames(config)]
}

function badNames({ tls, sds, admins }: Config): string[] {
  const names: readonly (readonly [string, () => unknown])[] = [
    ...tls.names.map((name) => ['tls.names', () => normaliseName(isIP(name) ? 'ip' : 'dns', name)] as const),
    ...sds.clients.map((name) => ['sds.clients', () => parseNameText(name)] as const),
    ...admins.map(({ san }, index) => [`admins[${index}].san`, () => san && parseNameText(san)] as const),
  ]
  return names.flatMap(([option, read]) => {
    try {
      read()
      return []
    } catch (error) {
      if (!(error instanceof CaError)) throw error
      return [`${option}: ${error.detail}`]
    }
  })
}

function refuse(found: readonly string[]): void {
  if (found.length > 0) throw new CaError('badConfiguration', found.join(' '))
}
