import { proveCrl, proveCrlOrigin } from '../../ca/hierarchy/prove-crl.ts'
import type { Client } from '../../client/client.ts'
import { exchange } from '../../client/transport.ts'
import { rfc3339 } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import { proveOcspResponse } from '../../ocsp/prove-response.ts'
import { stapleRequest } from '../../ocsp/staple.ts'
import { readAddresses } from '../../pki/certificate/addresses.ts'
import { type CertificateInfo, parseCertificate } from '../../pki/certificate/parse.ts'
import { parseCrl } from '../../pki/crl/parse.ts'
import { readCrlEntries } from '../../pki/crl/parse-entry.ts'
import { decodePem } from '../../pki/pem.ts'
import { type Finding, failed, look, ok, warning } from './finding.ts'
import { FAR } from './service.ts'
import type { KnownAuthority, Situation } from './situation.ts'

const REACH =
  'Check that the address is reachable from here and from your relying parties, and that publicUrl names it.'

/** CRL, OCSP and issuer as whoever checks a certificate sees them: from the addresses inside of certificates, and proven. */
export async function lookAsRelyingParty(all: Situation): Promise<Finding[]> {
  const { client, authorities } = all
  if (!client)
    return [warning('crl', 'Nothing was fetched: no service runs.', 'Run the command while it does.')]
  const findings: Finding[] = []
  for (const authority of authorities) {
    const { id, state, certificate, chain, answers } = authority
    if (!certificate || !answers) continue
    const above = chain[0] && parseCertificate(chain[0])
    if (above)
      findings.push(
        ...(await lookAtCertificate(
          { of: `the certificate of "${id}"`, certificate, issuer: above, isRetired: state === 'retired' },
          all,
        )),
      )
    if (authority.role !== 'issuing') continue
    const leaf = await newestOf(client, authority)
    if (leaf)
      findings.push(
        ...(await lookAtCertificate(
          {
            of: `the newest certificate of "${id}"`,
            ...{ certificate: leaf, issuer: certificate, isRetired: false },
          },
          all,
        )),
      )
  }
  return findings
}

async function newestOf(client: Client, { id }: KnownAuthority): Promise<CertificateInfo | null> {
  const found = await client.json<{ certificates: { serialNumber: string }[] }>('GET', '/v1/certificates', {
    query: { authority: id, state: 'valid', limit: 1 },
  })
  const [newest] = found.certificates
  if (!newest) return null
  const { certificate } = await client.json<{ certificate: string }>(
    'GET',
    `/v1/certificates/${newest.serialNumber}`,
  )
  return parseCertificate(decodePem(certificate, 'certificate')[0]!.der)
}

/** What is looked at. */
interface Shown {
  readonly of: string
  readonly certificate: CertificateInfo
  readonly issuer: CertificateInfo
  /** Whether it is that of an authority that issues no more. */
  readonly isRetired: boolean
}

async function lookAtCertificate(shown: Shown, { now }: Situation): Promise<Finding[]> {
  const { of, certificate, issuer } = shown
  const addresses = readAddresses(certificate)
  const [crls, ocsp, issuers] = [addresses.crls, addresses.ocsp, addresses.issuers].map((urls) =>
    urls.filter(isHttp),
  ) as [string[], string[], string[]]
  const others = Object.values(addresses)
    .flat()
    .filter((url) => !isHttp(url))
  const looks = [
    // Of roots elsewhere, whose directories are for those who have them.
    ...others.map(async (url) => [
      warning('crl', `${url}, in ${of}, was not looked at: it is no HTTP.`, 'Look whether it answers.'),
    ]),
    ...crls.map((url) => look('crl', REACH, async () => lookAtCrl(url, shown, now))),
    ...ocsp.map((url) => look('ocsp', REACH, async () => lookAtOcsp(url, shown, now))),
    ...issuers.map((url) =>
      look('issuer', REACH, async () => {
        const same = (await fetched(url)).equals(issuer.der)
        return same
          ? ok('issuer', `${url} is the issuer of ${of}.`)
          : failed('issuer', `${url}, for ${of}, is another certificate than its issuer.`, REACH)
      }),
    ),
  ]
  return (await Promise.all(looks)).flat()
}

function isHttp(url: string): boolean {
  return /^https?:$/.test(URL.parse(url)?.protocol ?? '')
}

async function lookAtCrl(url: string, shown: Shown, now: number): Promise<Finding> {
  const { of, certificate, issuer } = shown
  const der = await fetched(url)
  // One of a partition says so, and cannot be whole.
  const prove = parseCrl(der, 'badCrl').isPartial ? proveCrlOrigin : proveCrl
  const { entries, nextUpdate, thisUpdate } = prove(der, issuer)
  if (nextUpdate === null || nextUpdate <= now)
    return failed(
      'crl',
      `${url}, for ${of}, has expired.`,
      'Its clients refuse everybody: see /readyz and the log.',
    )
  if (thisUpdate > now + FAR) return failed('crl', `${url} is from the future.`, 'Compare the clocks.')
  const isListed = [...readCrlEntries(entries)].some(
    (entry) => entry.serialNumber === certificate.serialNumber,
  )
  return isListed
    ? revoked('crl', `${url} lists ${of} as revoked.`, shown)
    : ok('crl', `${url}, for ${of}: proven, current until ${rfc3339(nextUpdate)}.`)
}

async function lookAtOcsp(url: string, shown: Shown, now: number): Promise<Finding> {
  const { of, certificate, issuer } = shown
  const request = stapleRequest({ certificate: issuer }, certificate.serialNumber)
  const { status, nextUpdate } = proveOcspResponse(await fetched(url, request), issuer, now)
  if (status === 'good')
    return ok('ocsp', `${url} says of ${of}: good, proven, until ${rfc3339(nextUpdate)}.`)
  return status === 'unknown'
    ? failed('ocsp', `${url} says of ${of}: unknown.`, 'Replace what uses it.')
    : revoked('ocsp', `${url} says of ${of}: revoked.`, shown)
}

/** That an authority was revoked once another had its place is as it should be. */
function revoked(area: string, what: string, { isRetired }: Shown): Finding {
  return isRetired
    ? warning(area, what, 'It is retired, and issues no more: enrol again whatever of it is still in use.')
    : failed(area, what, 'Replace what uses it.')
}

async function fetched(url: string, body?: Buffer): Promise<Buffer> {
  const answer = await exchange({
    url: new URL(url),
    method: body ? 'POST' : 'GET',
    headers: body ? { 'content-type': 'application/ocsp-request' } : {},
    body,
  })
  if (answer.status !== 200)
    throw new CaError('notFound', `${url} answers with HTTP status ${answer.status}.`)
  return answer.body
}
