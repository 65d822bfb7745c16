/** What a scrape says: each line's value, by name and labels as they stand there. */
export type Metrics = ReadonlyMap<string, number>

export function readMetrics(text: string): Metrics {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

/** What differs between two scrapes, of the lines whose name fits. */
export function increase(before: Metrics, after: Metrics, names: RegExp): Record<string, number> {
  return Object.fromEntries(
    [...after]
      .filter(([name]) => names.test(name))
      .map(([name, value]): [string, number] => [name, value - (before.get(name) ?? 0)])
      .filter(([, value]) => value !== 0),
  )
}
