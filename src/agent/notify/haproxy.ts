import { join } from 'node:path'
import { type Outcome, pushCertificate, pushCrls, pushStaple, pushTrust } from '../../haproxy/push.ts'
import { HaproxyRuntime } from '../../haproxy/runtime.ts'
import type { CertificateConfig, NotificationConfig } from '../config.ts'
import type { Material } from '../material.ts'
import type { Part } from '../schema.ts'

/**
 * Brings what changed into the running HAProxy, under the names that its configuration has. Gives the reasons why it must be reloaded
 * to have the rest; throws `CaError` where it is away.
 */
export async function pushToHaproxy(
  entry: NotificationConfig,
  changed: ReadonlySet<Part>,
  { identity, staple, crls, roots }: Material,
  { directory, files }: CertificateConfig,
): Promise<string[]> {
  const runtime = new HaproxyRuntime(entry.haproxy!)
  const place = (name: string | undefined, given: string | undefined) =>
    given ?? (name === undefined ? null : join(directory, name))
  const certificateName = place(files.combined, entry.certificateName)
  const crlsName = place(files.crls, entry.crlsName)
  const rootsName = place(files.roots, entry.rootsName)
  const outcomes: Outcome[] = []
  // Roots before CRLs: a CRL of a root that is not trusted yet would be of no use.
  if (changed.has('roots') && roots && rootsName !== null)
    outcomes.push(await pushTrust(runtime, rootsName, roots.toString('latin1')))
  if (changed.has('crls') && crls && crlsName !== null)
    outcomes.push(await pushCrls(runtime, crlsName, crls.toString('latin1')))
  if (certificateName !== null) {
    const { leafPem, chainPem, keyPem } = identity
    if (changed.has('certificate'))
      outcomes.push(await pushCertificate(runtime, certificateName, leafPem + chainPem + keyPem))
    // With a new certificate HAProxy forgets the staple that it had.
    if (staple && (changed.has('staple') || changed.has('certificate')))
      outcomes.push(await pushStaple(runtime, certificateName, staple, null))
  }
  return outcomes.flatMap((outcome) => (outcome.live ? [] : [outcome.reason]))
}
