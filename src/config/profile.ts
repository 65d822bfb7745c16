import type { TSchema } from 'typebox'
import { CaError } from '../errors.ts'
import type { NameAttribute } from '../pki/distinguished-name.ts'
import Type from '../schema/build.ts'
import { decode, isMap, withDefaults } from '../schema/value.ts'
import { BUILT_IN_PROFILES } from './built-in-profiles.ts'
import { nearest } from './nearest.ts'
import { checkProfile } from './profile-rules.ts'
import { type Profile, ProfileOptions } from './profile-schema.ts'

type Layer = Record<string, unknown>

/** The service issues its own TLS certificate under such a name. */
const RESERVED = 'chancery-'

/**
 * All profiles: the built-in ones as the file changes them, and the file's own. `given` has passed the schema.
 * Throws `CaError` "badConfiguration" for an incomplete profile, or one that contradicts itself.
 */
export function resolveProfiles(given: Readonly<Record<string, Layer>>): Record<string, Profile> {
  const names = new Set([...Object.keys(BUILT_IN_PROFILES), ...Object.keys(given)])
  const profiles: Record<string, Profile> = {}
  for (const name of Object.keys(given)) {
    if (name.startsWith(RESERVED))
      fail(name, `cannot be: names that begin with "${RESERVED}" are the service’s own.`)
  }
  for (const name of names) profiles[name] = complete(name, layered(name, given, []))
  return profiles
}

/** The profile's own keys over those of what it extends; lists replace, maps merge. */
function layered(name: string, given: Readonly<Record<string, Layer>>, below: readonly string[]): Layer {
  if (below.includes(name)) fail(name, `extends itself: ${[...below, name].join(' -> ')}.`)
  const own = Object.hasOwn(given, name) ? given[name]! : {}
  const base = own.extends as string | undefined
  if (base === undefined || (base === name && name in BUILT_IN_PROFILES)) {
    return merge(Object.hasOwn(BUILT_IN_PROFILES, name) ? BUILT_IN_PROFILES[name]! : {}, own)
  }
  const known = [...Object.keys(BUILT_IN_PROFILES), ...Object.keys(given)]
  if (!known.includes(base)) {
    // Itself it may extend only where there is one to begin with.
    const others = known.filter((one) => one !== name || Object.hasOwn(BUILT_IN_PROFILES, one))
    const guess = nearest(base, others)
    fail(name, `extends "${base}", which does not exist${guess ? `; did you mean "${guess}"?` : '.'}`)
  }
  return merge(layered(base, given, [...below, name]), own)
}

function merge(base: Layer, over: Layer): Layer {
  const merged: Layer = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const under = merged[key]
    merged[key] = isMap(value) && isMap(under) ? merge(under, value) : value
  }
  return merged
}

function complete(name: string, layer: Layer): Profile {
  const lacking = missing(ProfileOptions, withDefaults(ProfileOptions, layer), '')
  if (lacking.length > 0) {
    fail(
      name,
      `lacks ${lacking.join(', ')}: give ${lacking.length > 1 ? 'them' : 'it'}, or "extends: server".`,
    )
  }
  const { extends: _base, subject, ...options } = decode(ProfileOptions, layer)
  const profile = { name, ...options, subject: subjectAttributes(subject) }
  checkProfile(profile)
  return profile
}

/** The required keys that are absent once defaults are filled in. */
function missing(schema: TSchema, value: unknown, path: string): string[] {
  if (!Type.IsObject(schema)) return []
  return Object.entries(schema.properties).flatMap(([key, property]) => {
    const at = path ? `${path}.${key}` : key
    const part = isMap(value) ? value[key] : undefined
    if (part !== undefined) return missing(property, part, at)
    if (Type.IsOptional(property)) return []
    return Type.IsObject(property) ? missing(property, withDefaults(property, {}), at) : [at]
  })
}

/** From the widest to the narrowest, as directories have it: C, ST, L, O, OU. */
function subjectAttributes(subject: ProfileOptions['subject']): NameAttribute[] {
  const ordered: [NameAttribute['type'], string | undefined][] = [
    ['C', subject.country],
    ['ST', subject.state],
    ['L', subject.locality],
    ['O', subject.organization],
    ['OU', subject.organizationalUnit],
  ]
  return ordered.flatMap(([type, value]) => (value === undefined ? [] : [{ type, value }]))
}

function fail(name: string, fault: string): never {
  throw new CaError('badConfiguration', `Profile "${name}" ${fault}`)
}
