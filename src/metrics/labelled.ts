/** One figure with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A number that only grows. Whoever keeps hold of one counts by `count++`. */
export interface Count {
  count: number
}

/** More sets of labels than this are a mistake somewhere: the others are counted together. */
const MOST = 4096
const REST = 'other'

/**
 * Figures by the values of some labels, in this process's memory and read when somebody asks. A value comes from a list that
 * the operator or the program made (a profile, a status): never a stranger's name, serial number or address.
 */
export class Labelled<Figure> {
  readonly #names: readonly string[]
  readonly #make: () => Figure
  readonly #figures = new Map<string, { readonly labels: Sample['labels']; readonly figure: Figure }>()

  constructor(names: readonly string[], make: () => Figure) {
    this.#names = names
    this.#make = make
  }

  /** The one figure of these values, one for each name. */
  of(...values: readonly string[]): Figure {
    const key = values.join('\n')
    const known = this.#figures.get(key)
    if (known) return known.figure
    if (this.#figures.size >= MOST && values.some((value) => value !== REST))
      return this.of(...this.#names.map(() => REST))
    const figure = this.#make()
    const labels = Object.fromEntries(this.#names.map((name, i) => [name, values[i]!]))
    this.#figures.set(key, { labels, figure })
    return figure
  }

  all(): Iterable<{ readonly labels: Sample['labels']; readonly figure: Figure }> {
    return this.#figures.values()
  }
}

/** Counts by the values of some labels. */
export type Tally = Labelled<Count>

export function tally(...names: readonly string[]): Tally {
  return new Labelled(names, () => ({ count: 0 }))
}

export function* samplesOf(counts: Tally): Iterable<Sample> {
  for (const { labels, figure } of counts.all()) yield { labels, value: figure.count }
}
