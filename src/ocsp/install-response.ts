import type { Authority } from '../ca/authority.ts'
import { epochSeconds, rfc3339 } from '../clock.ts'
import { CaError } from '../errors.ts'
import type { AuditEntry } from '../store/commands.ts'
import type { Store } from '../store/store.ts'
import { isOvertaken } from './overtaken.ts'
import { type ProvenResponse, proveOcspResponse } from './prove-response.ts'

/**
 * Takes over an OCSP response of an authority whose key is elsewhere, to be handed out as it is. Throws `CaError`:
 * "badOcspResponse" with the reason; "conflict" where the key is here, where one that is as new is here already, or where
 * the CRL that is here revokes what it calls good.
 */
export async function installOcspResponse(
  store: Store,
  { id, certificate, signer }: Authority,
  der: Uint8Array,
  now: Date,
  audit: AuditEntry,
): Promise<ProvenResponse> {
  if (signer) {
    throw new CaError(
      'conflict',
      `The key of authority "${id}" is here: the service signs its OCSP responses by itself.`,
    )
  }
  const seconds = epochSeconds(now)
  const proven = proveOcspResponse(der, certificate, seconds)
  // For a staple a little is forgiven. Here it would let a wrong clock win over the next, right one.
  if (proven.thisUpdate > seconds) {
    throw new CaError(
      'badOcspResponse',
      `The OCSP response is from the future: its thisUpdate is ${rfc3339(proven.thisUpdate)}. Compare the clocks of both machines.`,
    )
  }
  const { certId, thisUpdate, nextUpdate } = proven
  const { serialNumber } = certId
  const crl = await store.read.latestCrl(id)
  if (crl && isOvertaken(proven, crl)) {
    throw new CaError(
      'conflict',
      `The OCSP response says “good” of ${serialNumber}, which CRL ${crl.number} of "${id}" revokes. Make one by that CRL.`,
    )
  }
  await store.write('recordOcspResponse', {
    ...{ authority: id, certId: certId.bytes, thisUpdate, nextUpdate, der: proven.der },
    audit: { ...audit, detail: { ...audit.detail, serialNumber } },
  })
  return proven
}
