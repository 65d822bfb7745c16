import type { Authority } from './authority.ts'

/** Who issues in the place of one that does not: the nearest that took its place, or, where that was taken back, whose place it has. */
export function standIn(named: Authority, all: readonly Authority[]): Authority | undefined {
  if (named.state === 'active') return named
  return lineOf(named, all).find(({ state, signer }) => state === 'active' && signer)
}

/**
 * All that ever had, or are to have, the place of an authority, without it, the nearest first: those that take its place, those
 * whose place it takes, and others that take the place of one of these.
 */
export function lineOf(one: Authority, all: readonly Authority[]): Authority[] {
  const before = predecessors(one, all)
  const near = [...successors(one.id, all), ...before]
  const others = successors((before.at(-1) ?? one).id, all)
  return [...near, ...others.filter((other) => other.id !== one.id && !near.includes(other))]
}

/** Those that take an authority's place, and those that take theirs, the nearest first. */
function successors(id: string, all: readonly Authority[]): Authority[] {
  const next = all.filter(({ replaces }) => replaces === id)
  return [...next, ...next.flatMap((one) => successors(one.id, all))]
}

/** The one whose place an authority takes, the one before that, and so on. */
function predecessors({ replaces }: Authority, all: readonly Authority[]): Authority[] {
  const before = all.find(({ id }) => id === replaces)
  return before ? [before, ...predecessors(before, all)] : []
}
