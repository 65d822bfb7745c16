import { Fragment } from 'preact'
import { useLoad } from '../load.ts'
import { Card, Empty, ProblemNote } from '../parts/page.tsx'
import { At } from '../parts/text.tsx'
import type { Decoded } from './decode.ts'

/** The reader of certificates is large, and loaded when there is one to read. */
async function read(pems: readonly string[]): Promise<Decoded[]> {
  const { decode } = await import('./decode.ts')
  return Promise.all(pems.map(decode))
}

/** What a certificate says of itself, and those above it. `chain`: PEM, from its issuer upwards. */
export function DecodedCertificate({ pem, chain }: { pem: string; chain: readonly string[] }) {
  const { data, problem, isLoading } = useLoad(pem, () => read([pem, ...chain]))
  const [leaf, ...above] = data ?? []
  return (
    <>
      <Card title="What it says">
        <ProblemNote problem={problem} />
        {leaf ? <Fields decoded={leaf} /> : <Empty isLoading={isLoading}>It cannot be read.</Empty>}
      </Card>
      {leaf && (
        <Card title="Chain">
          <ol class="chain">
            {[leaf, ...above].map(({ subject, issuer, notAfter, fingerprint }, index) => (
              <li key={fingerprint}>
                <strong class="break">{index === 0 ? 'This certificate' : subject}</strong>
                <div class="quiet break">
                  issued by {issuer}, until <At at={notAfter} />
                </div>
                <div class="mono quiet break">SHA-256 {fingerprint}</div>
              </li>
            ))}
          </ol>
          <p class="hint">The root above is not sent along: relying parties have it already.</p>
        </Card>
      )}
    </>
  )
}

function Fields({ decoded }: { decoded: Decoded }) {
  return (
    <dl>
      <dt>Subject</dt>
      <dd>{decoded.subject}</dd>
      <dt>Issuer</dt>
      <dd>{decoded.issuer}</dd>
      <dt>Serial number</dt>
      <dd class="mono">{decoded.serialNumber}</dd>
      <dt>Valid from</dt>
      <dd>
        <At at={decoded.notBefore} />
      </dd>
      <dt>Valid until</dt>
      <dd>
        <At at={decoded.notAfter} />
      </dd>
      <dt>Key</dt>
      <dd>{decoded.key}</dd>
      <dt>Signature</dt>
      <dd>{decoded.signature}</dd>
      <dt>SHA-256</dt>
      <dd class="mono">{decoded.fingerprint}</dd>
      {decoded.extensions.map(({ name, isCritical, lines }) => (
        <Fragment key={name}>
          <dt>
            {name}
            {isCritical && <span class="critical"> critical</span>}
          </dt>
          <dd>
            {lines.map((line) => (
              <div key={line}>{line}</div>
            ))}
          </dd>
        </Fragment>
      ))}
    </dl>
  )
}
