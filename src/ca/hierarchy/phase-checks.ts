import { randomBytes, verify } from 'node:crypto'
import { rfc3339 } from '../../clock.ts'
import { formatDuration } from '../../config/duration.ts'
import type { Profile } from '../../config/profile-schema.ts'
import { CaError } from '../../errors.ts'
import { SIGNATURE_ALGORITHMS } from '../../pki/keys/algorithms.ts'
import { readPublicKey } from '../../pki/keys/public-key.ts'
import { isSpent } from '../authorities.ts'
import type { Authority, IssuingAuthority } from '../authority.ts'
import { isInternal } from '../internal-profiles.ts'
import type { OcspSigner } from '../ocsp-responders.ts'
import type { Signer } from '../signer.ts'
import { proveAuthorityChain } from './chain.ts'
import { proveCrl } from './prove-crl.ts'
import { revokedOf } from './revoked.ts'

export const PHASE_CHECKS = [
  'key',
  'chain',
  'life',
  'propagation',
  'crl',
  'ocsp',
  'successor',
  'below',
] as const
export type PhaseCheckName = (typeof PHASE_CHECKS)[number]

/** What was looked at before an authority changes its phase; `detail` says what was found, and what to do where it is not well. */
export interface PhaseCheck {
  readonly name: PhaseCheckName
  readonly ok: boolean
  readonly detail: string
}

export interface PhaseCheckContext {
  readonly all: readonly Authority[]
  readonly profiles: ReadonlyMap<string, Profile>
  /** Of EST, with the authority that each names; the name of that without one is null. */
  readonly labels: readonly { readonly name: string | null; readonly authority: string | undefined }[]
  /** For how long bundles must have held a certificate before anybody is shown what it signed. Seconds. */
  readonly propagation: number
  /** The current full CRL. */
  readonly crlOf: (id: string) => { readonly der: Uint8Array; readonly nextUpdate: number } | null
  readonly ocspSignerOf: (authority: Authority) => Promise<OcspSigner>
  /** Seconds since 1970. */
  readonly now: number
}

/** Whether relying parties would take what this authority issues from now on, and could ask about it. */
export function checksBeforeActive(
  authority: IssuingAuthority,
  context: PhaseCheckContext,
): Promise<PhaseCheck[]> {
  return Promise.all([
    check('key', () => checkSigner(authority.signer, authority.certificate.spki)),
    check('chain', () => checkChain(authority, context)),
    check('life', () => checkLife(authority, context)),
    check('propagation', () => checkPropagation(authority, context)),
    checkCrl(authority, context),
    check('ocsp', () => checkOcsp(authority, context)),
  ])
}

/** Whether somebody issues in the place of one that is to issue no more. `staying`: what is active afterwards, of its line. */
export function checkSuccessor(
  { id }: Authority,
  staying: readonly Authority[],
  { profiles, labels }: Pick<PhaseCheckContext, 'profiles' | 'labels'>,
): Promise<PhaseCheck> {
  return check('successor', () => {
    const [successor] = staying
    if (successor) return `"${successor.id}" issues in its place.`
    const isNaming = ({ authority }: { readonly authority?: string | undefined }) => authority === id
    const orphans = [
      ...[...profiles.values()].filter(isNaming).map(({ name }) => name),
      ...labels.filter(isNaming).map(({ name }) => (name === null ? 'EST' : `EST’s label ${name}`)),
    ]
    if (orphans.length === 0) return 'No profile names it, and no label of EST.'
    return refuse(
      `Nobody would issue for ${orphans.join(', ')}, which name it. Activate an authority that replaces it, or let them name another.`,
    )
  })
}

/** Whether the bundle of CRLs, which is whole or not served at all, would be served with this one in it. */
export function checkCrl(authority: Authority, context: PhaseCheckContext): Promise<PhaseCheck> {
  return check('crl', () => checkCrls(authority, context))
}

/** Whether anybody still needs a root, or a CA between, that is to leave the bundles. */
export function checkBelow(
  authority: Authority,
  { all, now }: Pick<PhaseCheckContext, 'all' | 'now'>,
): Promise<PhaseCheck> {
  return check('below', () => {
    const still = all.filter(
      ({ chain, answersUntil }) =>
        answersUntil > now && chain.some((der) => der.equals(authority.certificate.der)),
    )
    const below = still.find(({ role }) => role === 'issuing')
    const [between] = still
    // The bundle of CRLs would be withheld from everybody once nobody brings the next of its.
    if (!below && between)
      refuse(
        `"${between.id}" stands below it, and its CRL is in the bundles: retire that first ("chancery authority retire ${between.id}").`,
      )
    if (!below) return 'Nothing that is still valid stands below it.'
    return refuse(
      below.state === 'retired'
        ? `"${below.id}" stands below it, and answers for its certificates until ${rfc3339(below.answersUntil)}.`
        : `"${below.id}" stands below it, and is ${below.state}: activate another below another ${authority.role} in its place, or install a chain up to one.`,
    )
  })
}

async function check(name: PhaseCheckName, look: () => Promise<string> | string): Promise<PhaseCheck> {
  try {
    return { name, ok: true, detail: await look() }
  } catch (error) {
    if (!(error instanceof CaError)) throw error
    return { name, ok: false, detail: error.detail }
  }
}

function refuse(detail: string): never {
  throw new CaError('conflict', detail)
}

/** By a signature over something that means nothing. */
async function checkSigner(signer: Signer, spki: Buffer): Promise<string> {
  const probe = randomBytes(64)
  const key = readPublicKey(spki)
  const algorithm = SIGNATURE_ALGORITHMS.find(({ oid }) => oid === signer.algorithm.oid)
  const signature = await signer.sign(probe)
  if (!algorithm || !verify(algorithm.hash, probe, key.keyObject, signature))
    refuse('What its key signs does not verify with its certificate. Restore the key file from a backup.')
  return 'Its key signs, and its certificate verifies that.'
}

function checkChain({ certificate, chain }: Authority, { all, now }: PhaseCheckContext): string {
  const path = proveAuthorityChain([certificate.der, ...chain], certificate.spki, now)
  const root = rootOf(chain, all)
  if (!root) refuse('Its root is not known here: install its chain again.')
  const retired = all.find(
    ({ role, state, certificate: one }) =>
      role !== 'issuing' && state === 'retired' && chain.some((der) => der.equals(one.der)),
  )
  if (retired)
    refuse(
      `Its ${retired.role} "${retired.id}" is retired, and in no bundle: activate that first, or install another chain.`,
    )
  return `${path.length} certificates up to root "${root.id}", each signed by the next, all valid.`
}

function checkLife({ usableUntil }: Authority, { profiles, now }: PhaseCheckContext): string {
  const longest = [...profiles.values()]
    .filter(({ name }) => !isInternal(name))
    .reduce((one, other) => (other.validity.default > one.validity.default ? other : one))
  const end = rfc3339(usableUntil)
  if (usableUntil < now + longest.validity.default) {
    refuse(
      `It ends at ${end}: profile "${longest.name}" gives ${formatDuration(longest.validity.default)}, which would be cut. Have it signed for longer.`,
    )
  }
  return `It is usable until ${end}.`
}

function checkPropagation(authority: Authority, { all, propagation, now }: PhaseCheckContext): string {
  const { id } = authority
  if (propagation > 0 && isSpent(authority, now))
    refuse(
      `It answers for nothing any more, and its CRL has left the bundles: stage it first ("chancery authority stage ${id}"), and activate it ${formatDuration(propagation)} later.`,
    )
  const above = all.filter(({ certificate }) => authority.chain.some((der) => der.equals(certificate.der)))
  const newest = [authority, ...above].reduce((one, other) =>
    other.publishedAt > one.publishedAt ? other : one,
  )
  const at = newest.publishedAt
  const what = newest === authority ? 'Its certificate' : `Its ${newest.role} "${newest.id}"`
  const since = `${what} has been in the bundles since ${rfc3339(at)}`
  if (now < at + propagation) {
    refuse(
      `${since}, and rollover.propagation is ${formatDuration(propagation)}: activate it at ${rfc3339(at + propagation)} or later.`,
    )
  }
  return `${since}.`
}

/** Its own, and those of everybody above it: who checks the whole chain needs them all, and takes nothing that they list. */
function checkCrls(authority: Authority, { all, crlOf, now }: PhaseCheckContext): string {
  const path = [authority.certificate.der, ...authority.chain]
  for (const { id, certificate } of all.filter((one) =>
    path.some((der) => der.equals(one.certificate.der)),
  )) {
    const crl = crlOf(id)
    if (!crl)
      refuse(
        `"${id}" has no CRL: sign one where its key is, and bring it with "chancery crl install ${id} FILE".`,
      )
    if (crl.nextUpdate <= now) {
      const isItsOwn = id === authority.id && authority.signer !== null && isSpent(authority, now)
      const help = isItsOwn ? ` Stage it first ("chancery authority stage ${id}"): that makes the next.` : ''
      refuse(`The CRL of "${id}" ended at ${rfc3339(crl.nextUpdate)}.${help}`)
    }
    proveCrl(crl.der, certificate)
  }
  const revoked = revokedOf(authority, all, crlOf)
  if (revoked) refuse(`"${revoked.subject}" is revoked: the CRL of "${revoked.by}" lists it.`)
  return 'It has a current CRL, and so has everybody above it.'
}

async function checkOcsp(authority: Authority, { ocspSignerOf, now }: PhaseCheckContext): Promise<string> {
  const { signer, certificate, isDelegated } = await ocspSignerOf(authority)
  if (certificate.notAfter <= now) refuse('The certificate of its OCSP responder has expired.')
  await checkSigner(signer, certificate.spki)
  return isDelegated ? 'Its OCSP responder signs.' : 'It signs OCSP responses itself.'
}

function rootOf(chain: readonly Buffer[], all: readonly Authority[]): Authority | undefined {
  return all.find(({ certificate }) => chain.at(-1)?.equals(certificate.der))
}
