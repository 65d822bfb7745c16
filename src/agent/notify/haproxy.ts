import { join } from 'node:path'
import { holdsCrls, holdsRoots, isDetached, servedSerial } from '../../haproxy/held.ts'
import type { NamedFile } from '../../haproxy/named.ts'
import {
  detached,
  type Outcome,
  pushCertificate,
  pushCrls,
  pushStaple,
  pushTrust,
} from '../../haproxy/push.ts'
import { HaproxyRuntime } from '../../haproxy/runtime.ts'
import { parseCrl } from '../../pki/crl/parse.ts'
import { decodePem } from '../../pki/pem.ts'
import type { CertificateConfig, NotificationConfig } from '../config.ts'
import type { Material } from '../material.ts'
import type { Part } from '../schema.ts'

/**
 * Brings what changed, and is not there yet, into the running HAProxy, under the names that its configuration has. Gives the reason why
 * it must be reloaded to have the rest, or null; throws `CaError` where it is away.
 */
export async function pushToHaproxy(
  entry: NotificationConfig,
  changed: ReadonlySet<Part>,
  material: Material,
  config: CertificateConfig,
): Promise<string | null> {
  const runtime = new HaproxyRuntime(entry.haproxy!)
  const { certificate, roots, crls } = namesOf(entry, config)
  const steps: (() => Promise<Outcome | null>)[] = []
  if (certificate !== null && (changed.has('certificate') || changed.has('staple')))
    steps.push(() => bringCertificate(runtime, certificate, material))
  // Roots before CRLs: a CRL of a root that is not trusted yet would be of no use.
  if (roots !== null && changed.has('roots')) steps.push(() => bringRoots(runtime, roots, material))
  if (crls !== null && changed.has('crls')) steps.push(() => bringCrls(runtime, crls, material))
  for (const step of steps) {
    // A commit of roots would end such a process, with all its connections.
    const isLost = certificate !== null && (await isDetached(runtime, certificate))
    const outcome = isLost ? detached(certificate) : await step()
    if (outcome?.live === false) return outcome.reason
  }
  return null
}

/** What changed of it, by the names that HAProxy's configuration must have. */
export function namedFiles(
  entry: NotificationConfig,
  changed: ReadonlySet<Part>,
  config: CertificateConfig,
): NamedFile[] {
  const { certificate, roots, crls } = namesOf(entry, config)
  const named: NamedFile[] = []
  if (certificate !== null && (changed.has('certificate') || changed.has('staple')))
    named.push({ kind: 'cert', file: certificate })
  if (roots !== null && changed.has('roots')) named.push({ kind: 'ca-file', file: roots })
  if (crls !== null && changed.has('crls')) named.push({ kind: 'crl-file', file: crls })
  return named
}

function namesOf(entry: NotificationConfig, { directory, files }: CertificateConfig) {
  const place = (given: string | undefined, name: string | undefined) =>
    given ?? (name === undefined ? null : join(directory, name))
  return {
    certificate: place(entry.certificateName, files.combined),
    roots: place(entry.rootsName, files.roots),
    crls: place(entry.crlsName, files.crls),
  }
}

async function bringCertificate(
  runtime: HaproxyRuntime,
  file: string,
  { identity, staple }: Material,
): Promise<Outcome | null> {
  const { leaf, leafPem, chainPem, keyPem } = identity
  if ((await servedSerial(runtime, file)) !== leaf.serialNumber)
    return pushCertificate(runtime, file, leafPem + chainPem + keyPem, staple)
  return staple && pushStaple(runtime, file, staple, null)
}

async function bringRoots(
  runtime: HaproxyRuntime,
  file: string,
  { roots }: Material,
): Promise<Outcome | null> {
  const pem = roots!.toString('latin1')
  const ders = decodePem(pem, 'roots').map(({ der }) => der)
  return (await holdsRoots(runtime, file, ders)) ? null : pushTrust(runtime, file, pem)
}

async function bringCrls(runtime: HaproxyRuntime, file: string, { crls }: Material): Promise<Outcome | null> {
  const pem = crls!.toString('latin1')
  const parsed = decodePem(pem, 'CRLs').map(({ der }) => parseCrl(der, 'badCrl'))
  return (await holdsCrls(runtime, file, parsed)) ? null : pushCrls(runtime, file, pem)
}
