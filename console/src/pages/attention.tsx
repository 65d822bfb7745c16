import type { Authority, Check, Readiness } from '../api/types.ts'
import { relative } from '../format.ts'
import { Card } from '../parts/page.tsx'
import { routeTo } from '../route.ts'
import { hasDueCrl } from './freshness.tsx'

interface AttentionProps {
  readonly readiness: Readiness
  readonly authorities: readonly Authority[]
  /** How many requests wait for approval; "0" for none. */
  readonly waiting: string | undefined
}

/** Milliseconds. Authorities are replaced with care. */
const AUTHORITY_NOTICE = 180 * 86_400_000

/** Milliseconds. What the service renews by itself is renewed long before. */
const CHECK_NOTICE = 3_600_000

/** A CRL may be made for minutes or for months: what counts is how much of its life has passed. */
const CRL_AGE = 5 / 6

export function Attention({ readiness, authorities, waiting }: AttentionProps) {
  const now = Date.now()
  const wrong = readiness.checks.filter(({ ok }) => !ok)
  const notes = readiness.checks.filter(({ ok, reason }) => ok && reason !== null)
  const lapsing = readiness.checks.filter(
    ({ name, ok, reason, until }) =>
      ok &&
      reason === null &&
      until &&
      !/^(authority|crl)/.test(name) &&
      Date.parse(until) - now < CHECK_NOTICE,
  )
  const old = authorities
    .filter(hasDueCrl)
    .filter(({ crl }) => agePart(crl, now) > CRL_AGE && Date.parse(crl.nextUpdate) > now)
  const ending = authorities.filter(
    ({ state, notAfter }) => state !== 'retired' && notAfter && Date.parse(notAfter) - now < AUTHORITY_NOTICE,
  )
  const isWaiting = waiting !== undefined && waiting !== '0'
  const all = wrong.length + notes.length + lapsing.length + old.length + ending.length + Number(isWaiting)
  return (
    <Card title="What needs attention">
      {all === 0 ? (
        <div class="note good">Nothing. Every part is ready, and nothing lapses soon.</div>
      ) : (
        <ul class="attention">
          {wrong.map((check) => (
            <Item key={check.name} kind="bad" check={check} />
          ))}
          {notes.map((check) => (
            <Item key={check.name} kind="warn" check={check} />
          ))}
          {lapsing.map(({ name, until }) => (
            <li key={name} class="note warn">
              <strong>{name}</strong>: lapses {relative(until!)} unless it is renewed.
            </li>
          ))}
          {old.map(({ id, crl }) => (
            <li key={id} class="note warn">
              The CRL of <strong>{id}</strong> lapses {relative(crl.nextUpdate)}, and no newer one was made.
            </li>
          ))}
          {ending.map(({ id, notAfter }) => (
            <li key={id} class="note warn">
              The certificate of authority <strong>{id}</strong> ends {relative(notAfter!)}.
            </li>
          ))}
          {isWaiting && (
            <li class="note info">
              <a href={routeTo('approvals')}>
                {waiting === '1' ? 'One request waits' : `${waiting} requests wait`} for approval
              </a>
            </li>
          )}
        </ul>
      )}
    </Card>
  )
}

/** Both times as the API has them; 1 when it lapses. */
function agePart({ thisUpdate, nextUpdate }: NonNullable<Authority['crl']>, now: number): number {
  const start = Date.parse(thisUpdate)
  return (now - start) / (Date.parse(nextUpdate) - start)
}

function Item({ kind, check: { name, reason } }: { kind: 'bad' | 'warn'; check: Check }) {
  return (
    <li class={`note ${kind}`}>
      <strong>{name}</strong>: {reason}
    </li>
  )
}
