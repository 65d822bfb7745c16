import type { StaticDecode } from 'typebox'
import { decode } from '../schema/value.ts'
import { EstLabelOptions, type EstOptions } from './est-schema.ts'
import type { Frozen } from './freeze.ts'
import type { Profile } from './profile-schema.ts'

type Raw = Record<string, unknown>

/** Complete options of every label: its own go before those of EST as a whole. */
export function resolveEstLabels(
  est: Raw & { labels?: Record<string, Raw> },
): Record<string, EstLabelOptions> {
  const { labels = {}, enabled: _, ...common } = est
  return Object.fromEntries(
    Object.entries(labels).map(([label, own]) => [label, decode(EstLabelOptions, { ...common, ...own })]),
  )
}

export type EstConfig = Omit<StaticDecode<typeof EstOptions>, 'labels'> & {
  labels: Record<string, EstLabelOptions>
}

/** The options of a label, or of the addresses without one (null). Undefined where there is no such label. */
export function estLabel(est: Frozen<EstConfig>, label: string | null): Frozen<EstLabelOptions> | undefined {
  if (label === null) return est
  return Object.hasOwn(est.labels, label) ? est.labels[label] : undefined
}

/** RFC 7030 3.2.2: no label is the same as one of these, and libest asks at none that is. */
const OPERATIONS = ['cacerts', 'simpleenroll', 'simplereenroll', 'fullcmc', 'serverkeygen', 'csrattrs']

/** What each option allows by itself, and all together do not. */
export function estContradictions(
  est: Frozen<EstConfig>,
  profiles: Readonly<Record<string, Profile>>,
): string[] {
  const all = [
    ['est', est] as const,
    ...Object.entries(est.labels).map(([label, one]) => [`est.labels.${label}`, one] as const),
  ]
  const taken = Object.keys(est.labels)
    .filter((label) => OPERATIONS.includes(label))
    .map((label) => `est.labels.${label}: an operation of EST has that name, which no label may have.`)
  const others = all.flatMap(([where, { profile, trustAnchors, names }]) => [
    ...(profile !== undefined && !Object.hasOwn(profiles, profile)
      ? [`${where}.profile: there is no profile "${profile}".`]
      : []),
    ...(trustAnchors.length > 0 && names.length === 0
      ? [`${where}.trustAnchors needs ${where}.names: what the holders of such certificates may enrol.`]
      : []),
  ])
  return [...taken, ...others]
}
