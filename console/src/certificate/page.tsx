import { useState } from 'preact/hooks'
import { call } from '../api/client.ts'
import type { Certificate } from '../api/types.ts'
import { nameList, relative, title, words } from '../format.ts'
import { useAction, useLoad } from '../load.ts'
import { Card, Empty, Note, Page, ProblemNote } from '../parts/page.tsx'
import { At, LifeBar, Principal, Serial, State } from '../parts/text.tsx'
import { useMay } from '../session.ts'
import { DecodedCertificate } from './decoded.tsx'
import { Downloads } from './downloads.tsx'
import { History } from './history.tsx'
import { Revocation } from './revocation.tsx'

export function CertificatePage({ serial }: { serial: string }) {
  const { data, problem, isLoading, reload } = useLoad(serial, (signal) =>
    call<Certificate>(`v1/certificates/${encodeURIComponent(serial)}`, { signal }),
  )
  return (
    <Page title={data ? title(data) : 'Certificate'} actions={data && <State state={data.state} />}>
      <ProblemNote problem={problem} />
      {data ? (
        <Shown certificate={data} onChanged={reload} />
      ) : problem ? null : (
        <Empty isLoading={isLoading}>Nothing.</Empty>
      )}
    </Page>
  )
}

function Shown({ certificate, onChanged }: { certificate: Certificate; onChanged: () => void }) {
  return (
    <>
      <Facts certificate={certificate} />
      <Changes certificate={certificate} onChanged={onChanged} />
      <DecodedCertificate pem={certificate.certificate} chain={certificate.chain} />
      <History certificate={certificate} />
      <Card title="PEM">
        <details>
          <summary>Show it</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must scroll by keyboard */}
          <pre tabIndex={0}>{certificate.certificate}</pre>
        </details>
      </Card>
    </>
  )
}

function Facts({ certificate }: { certificate: Certificate }) {
  const { serialNumber, names, subject, profile, authority, principal, notBefore, notAfter, revocation } =
    certificate
  return (
    <Card title="At a glance" aside={<Downloads serial={serialNumber} />}>
      <dl>
        <dt>Names</dt>
        <dd>
          {nameList(names).map((name) => (
            <div key={name}>{name}</div>
          ))}
          {nameList(names).length === 0 && subject}
        </dd>
        <dt>Profile</dt>
        <dd>{profile}</dd>
        <dt>Authority</dt>
        <dd>{authority}</dd>
        <dt>Asked for by</dt>
        <dd>
          <Principal id={principal} />
        </dd>
        <dt>Serial number</dt>
        <dd>
          <Serial serial={serialNumber} isWhole />
        </dd>
        <dt>Life</dt>
        <dd>
          <LifeBar from={notBefore} to={notAfter} label="Life of this certificate" />
          <At at={notBefore} /> until <At at={notAfter} />, {relative(notAfter)}
        </dd>
        {revocation && (
          <>
            <dt>{revocation.reason === 'certificateHold' ? 'Held' : 'Revoked'}</dt>
            <dd>
              <At at={revocation.revokedAt} />: {words(revocation.reason)}
            </dd>
          </>
        )}
      </dl>
    </Card>
  )
}

/** Revoke, hold and release: for whom may. */
function Changes({
  certificate: { serialNumber, state },
  onChanged,
}: {
  certificate: Certificate
  onChanged: () => void
}) {
  const mayRevoke = useMay('operator')
  const [isAsking, setAsking] = useState(false)
  const { isBusy, problem, run } = useAction()
  if (!mayRevoke || state === 'revoked') return null
  const release = () =>
    run(async () => {
      await call(`v1/certificates/${serialNumber}/release`, { method: 'POST' })
      onChanged()
    })
  return (
    <>
      {state === 'held' && (
        <Note kind="warn">
          It is on hold: to relying parties it is revoked, until it is released or revoked for good.
        </Note>
      )}
      <ProblemNote problem={problem} />
      <div class="actions">
        <button type="button" class="danger" onClick={() => setAsking(true)}>
          {state === 'held' ? 'Revoke for good …' : 'Revoke or hold …'}
        </button>
        {state === 'held' && (
          <button type="button" disabled={isBusy} onClick={release}>
            Release
          </button>
        )}
      </div>
      {isAsking && (
        <Revocation
          serial={serialNumber}
          onClose={() => setAsking(false)}
          onRevoked={() => {
            setAsking(false)
            onChanged()
          }}
        />
      )}
    </>
  )
}
