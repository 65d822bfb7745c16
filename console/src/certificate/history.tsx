import { call, query } from '../api/client.ts'
import type { AuditEntry, Certificate } from '../api/types.ts'
import { useLoad } from '../load.ts'
import { Card, Empty, ProblemNote } from '../parts/page.tsx'
import { reasonOfCode } from '../parts/reason.tsx'
import { At, Principal, Serial } from '../parts/text.tsx'

const WHAT: Readonly<Record<string, string>> = {
  'certificate.issue': 'Issued',
  'certificate.renew': 'Issued as a renewal',
  'certificate.revoke': 'Revoked',
  'certificate.release': 'Released',
}

/** What happened to it, by the audit log, the newest first; between what it replaced and what replaced it. */
export function History({
  certificate: { serialNumber, replaces, replacedBy, state },
}: {
  certificate: Certificate
}) {
  const { data, problem, isLoading } = useLoad(`${serialNumber} ${state}`, (signal) =>
    call<{ entries: AuditEntry[] }>(`v1/audit${query({ target: serialNumber, limit: 50 })}`, { signal }),
  )
  return (
    <Card title="History">
      <ProblemNote problem={problem} />
      {data ? (
        <ol class="history">
          {replacedBy && (
            <li>
              <strong>Replaced</strong> by <Serial serial={replacedBy} isWhole />
            </li>
          )}
          {data.entries.map((entry) => (
            <Event key={entry.id} entry={entry} />
          ))}
          {replaces && (
            <li>
              <strong>Replaces</strong> <Serial serial={replaces} isWhole />
            </li>
          )}
        </ol>
      ) : (
        <Empty isLoading={isLoading}>No event is on record.</Empty>
      )}
    </Card>
  )
}

function Event({ entry: { action, result, actor, address, at, detail } }: { entry: AuditEntry }) {
  const reason = reasonOfCode(detail.reason)
  return (
    <li>
      <strong>{WHAT[action] ?? action}</strong>
      {result !== 'ok' && ` (${result})`} by <Principal id={actor} /> {wayOf(actor, detail)}
      {address && <span class="quiet"> from {address}</span>}
      {reason !== null && <div>Reason: {reason}</div>}
      <div class="quiet">
        <At at={at} />
      </div>
    </li>
  )
}

/** How the request came, as far as the record says. */
function wayOf(actor: string, { protocol }: Record<string, unknown>): string {
  if (typeof protocol === 'string') return `over ${protocol.toUpperCase()}`
  if (actor.startsWith('account:')) return 'over ACME'
  if (/^(est|device):/.test(actor)) return 'over EST'
  return actor.startsWith('admin:') || actor.startsWith('token:') ? 'over REST' : ''
}
