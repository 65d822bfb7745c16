import { call } from '../api/client.ts'
import type { ApprovalRequest } from '../api/types.ts'
import { life, nameList } from '../format.ts'
import { useLoad } from '../load.ts'
import { Card, Empty, Page, ProblemNote } from '../parts/page.tsx'
import { At, Principal, Serial, State } from '../parts/text.tsx'
import { routeTo } from '../route.ts'
import { useMay } from '../session.ts'
import { Decision } from './decision.tsx'

export function ApprovalPage({ id }: { id: string }) {
  const mayDecide = useMay('operator')
  const { data, problem, isLoading, reload } = useLoad(id, (signal) =>
    call<ApprovalRequest>(`v1/requests/${encodeURIComponent(id)}`, { signal }),
  )
  return (
    <Page title={`Request no. ${id}`} actions={data && <State state={data.state} />}>
      <p>
        <a href={routeTo('approvals')}>All requests</a>
      </p>
      <ProblemNote problem={problem} />
      {data && <Facts request={data} />}
      {data?.state === 'pending' && mayDecide && <Decision request={data} onDecided={reload} />}
      {!data && !problem && <Empty isLoading={isLoading}>Nothing.</Empty>}
    </Page>
  )
}

function Facts({ request }: { request: ApprovalRequest }) {
  const { names, subject, requestedBy, protocol, profile, authority, keyType, keySha256, validity } = request
  return (
    <Card title="What is asked for">
      <dl>
        <dt>Names</dt>
        <dd>
          {nameList(names).map((name) => (
            <div key={name}>{name}</div>
          ))}
        </dd>
        {subject && (
          <>
            <dt>Subject</dt>
            <dd>{subject}</dd>
          </>
        )}
        <dt>Profile</dt>
        <dd>{profile}</dd>
        <dt>Authority</dt>
        <dd>{authority ?? 'the default one'}</dd>
        <dt>Life</dt>
        <dd>
          {request.notAfter ? (
            <>
              until <At at={request.notAfter} />
            </>
          ) : validity === null ? (
            'as the profile says'
          ) : (
            life(validity)
          )}
        </dd>
        <dt>Key</dt>
        <dd>
          {keyType}
          <div class="mono quiet">SHA-256 {keySha256}</div>
        </dd>
        <dt>Asked for by</dt>
        <dd>
          <Principal id={requestedBy} /> over {protocol.toUpperCase()}
        </dd>
        <dt>Made</dt>
        <dd>
          <At at={request.createdAt} />
        </dd>
        <dt>Lapses</dt>
        <dd>
          <At at={request.expiresAt} />
        </dd>
        {request.replaces && (
          <>
            <dt>Replaces</dt>
            <dd>
              <Serial serial={request.replaces} isWhole />
            </dd>
          </>
        )}
        <Outcome request={request} />
      </dl>
    </Card>
  )
}

function Outcome({ request: { decidedAt, decidedBy, reason, serialNumber } }: { request: ApprovalRequest }) {
  if (decidedAt === null) return null
  return (
    <>
      <dt>Decided</dt>
      <dd>
        <At at={decidedAt} />
        {decidedBy && ` by ${decidedBy}`}
      </dd>
      {reason && (
        <>
          <dt>Reason</dt>
          <dd>{reason}</dd>
        </>
      )}
      {serialNumber && (
        <>
          <dt>Certificate</dt>
          <dd>
            <Serial serial={serialNumber} isWhole />
          </dd>
        </>
      )}
    </>
  )
}
