import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Authority } from '../../../src/ca/authority.ts'
import { AUTHORITY_KEY_TYPES } from '../../../src/ca/hierarchy/new-authority.ts'
import { createRoot, makeRootCrl, type OpenRoot, openRoot } from '../../../src/ca/hierarchy/root.ts'
import { dataFiles } from '../../../src/config/data-directory.ts'
import { encodeCrlEntry } from '../../../src/pki/crl/entry.ts'
import { REASON } from '../../../src/pki/crl/reasons.ts'
import type { HashName } from '../../../src/pki/keys/algorithms.ts'
import { newSerialNumber } from '../../../src/pki/serial-number.ts'
import type { Specimen } from '../pkilint.ts'
import { addAuthority, DAY, enrol, type LintCa } from './ca.ts'
import { leaf } from './leaves.ts'
import { emptyCrl, ocspAbout } from './revocation.ts'

/** Every way in which an authority signs: each key type with its own hash, and P-384 with SHA-512 as well. */
const SIGNATURES = [
  ...AUTHORITY_KEY_TYPES.map((keyType) => ({ keyType, hash: null })),
  { keyType: 'P-384', hash: 'sha512' as HashName },
] as const

/** The hierarchy that a first start makes, with intermediates of each shape below its root. */
export async function defaultHierarchySpecimens(ca: LintCa): Promise<Specimen[]> {
  const { directory, service, now } = ca
  const passphrase = readFileSync(dataFiles(directory).rootPassphrase, 'utf8').trim()
  const root = await openRoot(join(directory, 'root-offline'), passphrase)
  const shapes = [
    service.authorities.get('intermediate')!,
    await addAuthority(ca, root, { id: 'any-depth', pathLength: undefined }),
    await addAuthority(ca, root, { id: 'one-below', pathLength: 1 }),
    await addAuthority(ca, root, { id: 'no-urls', withUrls: false }),
    await addAuthority(ca, root, {
      id: 'constrained',
      nameConstraints: {
        permitted: {
          dns: ['example.test'],
          ip: ['192.0.2.0/24', '2001:db8::/32'],
          email: ['example.test', '.example.test', 'user@example.test'],
          uri: ['example.test', '.example.test'],
        },
        excluded: { dns: ['secret.example.test'], ip: ['192.0.2.128/25'] },
      },
    }),
  ]
  const year = Math.floor(now.getTime() / 1000) + 365 * DAY
  const entries = [REASON.superseded, REASON.cACompromise].map((reason) =>
    encodeCrlEntry({
      serialNumber: newSerialNumber(),
      revokedAt: year - 366 * DAY,
      reason,
      invalidityDate: null,
    }),
  )
  return [
    ...rootSpecimens('the default root', root),
    ...shapes.flatMap((authority) => intermediateSpecimens(authority, root)),
    ...leaf('server below name constraints', await enrol(ca, { authority: 'constrained' }), ca),
    { kind: 'arl', name: 'the default root’s first', files: [service.crl.current('root')!.der] },
    {
      kind: 'arl',
      name: 'the default root’s with revoked intermediates',
      files: [await makeRootCrl(root, 2, Buffer.concat(entries), year, now)],
    },
  ]
}

/** A root, an intermediate, a leaf, a CRL and an OCSP response with each kind of signature. */
export async function signatureSpecimens(ca: LintCa): Promise<Specimen[]> {
  const specimens: Specimen[] = []
  for (const { keyType, hash } of SIGNATURES) {
    const id = [keyType, hash].filter(Boolean).join('-').toLowerCase()
    const wish = { keyType, hash, subject: [{ type: 'CN', value: `Root ${id}` }] as const }
    const root = await createRoot(
      join(ca.directory, `root-${id}`),
      { ...wish, validity: 3650 * DAY },
      'lint',
      ca.now,
    )
    const authority = await addAuthority(ca, root, { id, keyType, hash })
    const certificate = await enrol(ca, { authority: id })
    specimens.push(
      ...rootSpecimens(`root ${id}`, root),
      ...intermediateSpecimens(authority, root),
      ...leaf(`server by ${id}`, certificate, ca),
      {
        kind: 'arl',
        name: `root ${id}`,
        files: [await makeRootCrl(root, 1, Buffer.alloc(0), authority.certificate.notAfter, ca.now)],
      },
      emptyCrl(ca, id),
      await ocspAbout(ca, `good by ${id}`, [certificate]),
    )
  }
  return specimens
}

function rootSpecimens(name: string, { certificate: { der } }: OpenRoot): Specimen[] {
  return [
    { kind: 'certificate', name, files: [der] },
    { kind: 'chain', name, files: [der, der] },
  ]
}

function intermediateSpecimens({ id, certificate: { der } }: Authority, root: OpenRoot): Specimen[] {
  return [
    { kind: 'certificate', name: `authority ${id}`, files: [der] },
    { kind: 'chain', name: `authority ${id}`, files: [root.certificate.der, der] },
  ]
}
