import { Registry } from 'prom-client'
import { counter, gauge } from '../metrics/exposition.ts'
import type { Attempts } from './attempts.ts'
import { type Keeper, WORK } from './keeper.ts'
import type { Timing } from './timing.ts'

/** Read from the keepers whenever somebody asks, so that nothing has to be kept in step. */
export function agentMetrics(keepers: readonly Keeper[], { clock }: Timing): Registry {
  const registry = new Registry()
  const perCertificate = (name: string, help: string, read: (keeper: Keeper) => number | null) =>
    gauge(registry, { name: `chancery_agent_${name}`, help, labels: ['certificate'] }, () =>
      keepers.flatMap((keeper) => {
        const value = read(keeper)
        return value === null ? [] : [{ labels: { certificate: keeper.id }, value }]
      }),
    )
  const perWork = (name: string, help: string, read: (attempts: Attempts) => number) =>
    counter(registry, { name: `chancery_agent_${name}`, help, labels: ['certificate', 'work'] }, () =>
      keepers.flatMap(({ id, attempts }) =>
        WORK.map((work) => ({ labels: { certificate: id, work }, value: read(attempts[work]) })),
      ),
    )
  const leaf = ({ situation }: Keeper) => situation.identity?.leaf
  perCertificate(
    'healthy',
    '1 while the certificate is valid and fresh and its consumer knows it.',
    (keeper) => (keeper.problems().length === 0 ? 1 : 0),
  )
  perCertificate('days_to_expiry', 'Days until the certificate expires; negative afterwards.', (keeper) => {
    const end = leaf(keeper)?.notAfter
    return end === undefined ? null : (end - clock().getTime() / 1000) / 86_400
  })
  perCertificate(
    'expiry_timestamp_seconds',
    'When the certificate expires.',
    (keeper) => leaf(keeper)?.notAfter ?? null,
  )
  perCertificate(
    'last_renewal_timestamp_seconds',
    'When the last certificate came.',
    ({ situation }) => situation.context.state.facts.lastRenewal ?? null,
  )
  perCertificate('next_renewal_timestamp_seconds', 'When it will be renewed.', ({ situation }) =>
    situation.identity ? situation.renewalAt(situation.identity) : null,
  )
  perCertificate('staple_expiry_timestamp_seconds', 'nextUpdate of the staple.', ({ situation }) =>
    situation.identity ? situation.stapleUntil(situation.identity) : null,
  )
  perCertificate(
    'crl_expiry_timestamp_seconds',
    'The first nextUpdate of the CRLs.',
    ({ situation }) => situation.crlsUntil,
  )
  perWork('attempts_total', 'How often each kind of work was tried since the start.', ({ tried }) => tried)
  perWork('failures_total', 'How often it failed.', ({ failed }) => failed)
  return registry
}
