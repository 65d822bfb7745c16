import type { Registry } from 'prom-client'
import { isSpent } from '../../ca/authorities.ts'
import { epochSeconds } from '../../clock.ts'
import type { PublishedCrl } from '../../crl/published-crl.ts'
import { counter, gauge } from '../../metrics/exposition.ts'
import { type Sample, samplesOf } from '../../metrics/labelled.ts'
import type { Service } from '../../service.ts'

/** OCSP and CRLs: what relying parties are told, and how fresh it is. */
export function describeRevocation(registry: Registry, service: Service): void {
  const { ocsp, clock } = service
  counter(
    registry,
    {
      name: 'chancery_ocsp_responses_total',
      help: 'Answers to OCSP requests over HTTP, by what they said and how they were come by.',
      labels: ['status', 'cache'],
    },
    () => samplesOf(ocsp.counts.tally),
  )
  const ofCrls = (
    name: string,
    help: string,
    worst: (crls: readonly PublishedCrl[], now: number) => number,
  ) =>
    gauge(registry, { name: `chancery_crl_${name}`, help, labels: ['authority', 'kind'] }, () =>
      samplesOfCrls(service, (crls) => worst(crls, epochSeconds(clock()))),
    )
  ofCrls('age_seconds', 'Age of the CRL that is served; of several partitions, of the oldest.', (crls, now) =>
    Math.max(...crls.map(({ thisUpdate }) => now - thisUpdate)),
  )
  ofCrls(
    'seconds_to_next_update',
    'Time until the CRL ends, negative afterwards; of several partitions, of the first.',
    (crls, now) => Math.min(...crls.map(({ nextUpdate }) => nextUpdate - now)),
  )
  ofCrls('size_bytes', 'Size of the CRL, DER; of several partitions, of the largest.', (crls) =>
    Math.max(...crls.map(({ der }) => der.length)),
  )
  ofCrls('entries', 'Certificates in the CRL; of several partitions, in all together.', (crls) =>
    crls.reduce((sum, { entries }) => sum + entries, 0),
  )
}

/** One for each kind of each authority that still answers: there may be thousands of partitions. */
function* samplesOfCrls(
  { authorities, clock, crl }: Service,
  figure: (crls: readonly PublishedCrl[]) => number,
): Iterable<Sample> {
  const now = epochSeconds(clock())
  for (const { id: authority } of authorities.all().filter((one) => !isSpent(one, now))) {
    for (const kind of ['full', 'delta'] as const) {
      const find = (partition: number | null) => crl.find({ authority, partition }, kind) ?? []
      const whole = [find(null)].flat()
      const parts = crl.partitions(authority).flatMap(find)
      if (whole.length > 0) yield { labels: { authority, kind }, value: figure(whole) }
      if (parts.length > 0) yield { labels: { authority, kind: `partition ${kind}` }, value: figure(parts) }
    }
  }
}
