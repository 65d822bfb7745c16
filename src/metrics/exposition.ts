import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Labelled, Sample } from './labelled.ts'
import type { Distribution } from './timings.ts'

/** What one metric is. Its figures are read whenever somebody asks, so that nothing has to be kept in step. */
export interface Description {
  readonly name: string
  readonly help: string
  readonly labels?: readonly string[]
}

type Read = () => Iterable<Sample> | Promise<Iterable<Sample>>

/** A figure that goes up and down. One that cannot be read is left out, and the others are shown all the same. */
export function gauge(registry: Registry, description: Description, read: Read): void {
  const show = (shown: Gauge, samples: readonly Sample[]) => {
    // Without labels it would be shown as 0.
    if ((description.labels ?? []).length + samples.length === 0) shown.remove()
    for (const one of samples) shown.set(one.labels, one.value)
  }
  new Gauge(collected(registry, description, read, show))
}

/** A figure that only grows, from 0 at the start of the process. */
export function counter(registry: Registry, description: Description, read: Read): void {
  const show = (shown: Counter, samples: readonly Sample[]) => {
    for (const one of samples) shown.inc(one.labels, one.value)
  }
  new Counter(collected(registry, description, read, show))
}

/** What is shown when somebody asks, and not kept. */
function collected<Metric extends { reset(): void }>(
  registry: Registry,
  { labels = [], ...what }: Description,
  read: Read,
  show: (metric: Metric, samples: readonly Sample[]) => void,
) {
  return {
    ...what,
    labelNames: [...labels],
    registers: [registry],
    async collect(this: Metric) {
      const samples = await readOrNothing(read)
      this.reset()
      show(this, samples)
    },
  }
}

/** `figures` as they were counted; where there are no labels, a `Labelled` of none. */
export function histogram(
  registry: Registry,
  { labels = [], ...what }: Description,
  figures: Labelled<Distribution>,
): void {
  const read = async () => ({
    ...what,
    type: 'histogram',
    aggregator: 'sum',
    values: [...figures.all()].flatMap(({ labels: own, figure }) => lines(what.name, own, figure)),
  })
  const shown = new Histogram({ ...what, labelNames: [...labels], registers: [] })
  // prom-client has no way of its own to set what was counted elsewhere.
  registry.registerMetric(Object.assign(shown, { get: read, getForPromString: read }))
}

function lines(name: string, labels: Sample['labels'], { bounds, counts, sum }: Distribution) {
  let below = 0
  const buckets = counts.map((count, i) => {
    below += count
    const le = i < bounds.length ? String(bounds[i]) : '+Inf'
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: below },
  ]
}

async function readOrNothing(read: Read): Promise<Sample[]> {
  try {
    return [...(await read())]
  } catch {
    return []
  }
}
