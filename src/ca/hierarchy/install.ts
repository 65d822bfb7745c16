import { epochSeconds } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import { fingerprint } from '../../pki/certificate/fingerprint.ts'
import { type CertificateInfo, parseCertificate } from '../../pki/certificate/parse.ts'
import { parseCsr } from '../../pki/csr/parse.ts'
import { nameToText } from '../../pki/distinguished-name.ts'
import { keyIdentifier } from '../../pki/keys/public-key.ts'
import type { AuditEntry } from '../../store/commands.ts'
import type { AuthorityRow } from '../../store/queries.ts'
import type { Store } from '../../store/store.ts'
import { proveAuthorityChain } from './chain.ts'
import { refuseNamesake } from './namesake.ts'
import { isCrlOf } from './prove-crl.ts'
import { rootId } from './root.ts'

/**
 * Installs the signed certificate of an authority that waits for it, or a newer one for the same key and name, with the
 * chain above it, and the root and those between as authorities of their own, so that their CRLs have a place. The first to be
 * installed becomes the default. A newer certificate makes no retired authority active again.
 */
export async function installAuthority(
  store: Store,
  id: string,
  chain: readonly Buffer[],
  now: Date,
  audit: AuditEntry,
): Promise<void> {
  const rows = await store.read.authorities()
  const row = rows.find((one) => one.id === id)
  if (!row?.csr || !row.keyFile)
    throw new CaError('unknownAuthority', `There is no authority "${id}" that awaits a certificate.`)
  const { spki } = parseCsr(row.csr).publicKey
  const [own, ...above] = proveAuthorityChain(chain, spki, epochSeconds(now))
  if (row.certificate) proveSuccessor(own!, parseCertificate(row.certificate, 'badAuthorityCertificate'))
  const root = above.at(-1)!
  checkAbove(above, rows, row, epochSeconds(now))
  // A CA elsewhere may have given it another name than it asked for. What is in use must be renewed as it is.
  const elsewhere = await Promise.all(
    above.map(async (info, i) => ({
      ids: info === root ? rootIds([own!, ...above].at(-2)!, root) : [intermediateId(info)],
      role: info === root ? ('root' as const) : ('intermediate' as const),
      certificate: info.der,
      chain: above.slice(i + 1).map(({ der }) => der),
      crl: await crlOfSameCa(store, info, rows),
    })),
  )
  const aboveRows = elsewhere.map(({ ids, certificate }) => ({ id: ids[0]!, certificate }))
  if (!row.certificate) refuseNamesake(own!, [...rows, ...aboveRows], now)
  // One that comes along is in the bundles at once, as one by "root install" is.
  if (!rows.some(({ certificate }) => certificate?.equals(root.der))) refuseNamesake(root, rows, now)
  await store.write('installAuthority', {
    id,
    replaces: row.certificate,
    certificate: own!.der,
    chain: above.map((info) => info.der),
    above: elsewhere,
    installedAt: epochSeconds(now),
    audit,
  })
}

/**
 * A root that is not known comes along with its first intermediate. But a successor takes the place of what all trust, at once or later,
 * and nobody's trust store has a root that is new, or retired. Of one between that is retired no bundle has the CRL. Where its own way up
 * has ended, nobody trusts it any more, and no service starts in which a root could be installed first.
 */
function checkAbove(
  above: readonly CertificateInfo[],
  rows: readonly AuthorityRow[],
  { state, replaces, certificate: own, chain }: AuthorityRow,
  now: number,
): void {
  const known = rows.filter(
    ({ role, certificate }) => role !== 'issuing' && above.some(({ der }) => certificate?.equals(der)),
  )
  const isActive = state === 'active' || (state === 'pending' && replaces === null)
  const retired = known.find((one) => one.state === 'retired')
  if (retired && isActive)
    throw new CaError(
      'conflict',
      `The ${retired.role} "${retired.id}" is retired, and in no bundle: make it active first ("chancery authority activate ${retired.id}").`,
    )
  if (known.some(({ role }) => role === 'root') || replaces === null) return
  const path = own === null ? [] : [own, ...chain]
  if (path.some((der) => parseCertificate(der, 'badAuthorityCertificate').notAfter <= now)) return
  const root = above.at(-1)!
  throw new CaError(
    'conflict',
    `The root "${nameToText(root.subject)}" is not known here: install it first, with its CRL ("chancery root install").`,
  )
}

/** The newest that is here by another certificate of a CA: one that was renewed with its key must not be without for a while. */
async function crlOfSameCa(store: Store, info: CertificateInfo, rows: readonly AuthorityRow[]) {
  const others = rows.filter(({ keyFile }) => keyFile === null)
  const crls = await Promise.all(others.map(({ id }) => store.read.latestCrl(id)))
  const own = crls.filter((crl) => crl !== null && isCrlOf(crl.der, info))
  return own.reduce((one, other) => (one && one.number >= other!.number ? one : other), null)
}

/** A CA between, which has no name that this service gave it. */
function intermediateId({ der }: CertificateInfo): string {
  return `intermediate-${fingerprint(der).slice(0, 8)}`
}

/** The addresses in what the root signed name the root: where they say which id it has, that is the one. */
function rootIds(signed: CertificateInfo, root: CertificateInfo): string[] {
  const id = rootId(root)
  return signed.der.includes(`/crl/${id}.crl`) ? [id, 'root'] : ['root', id]
}

/** What was issued below the old certificate names its issuer, and must go on to do so below another for the same key. */
export function proveSuccessor(next: CertificateInfo, old: CertificateInfo): void {
  // RFC 5280 6.1.3 (a)(4): the issuer in a certificate or CRL is the subject of the one above it.
  if (!next.subject.equals(old.subject)) {
    throw new CaError(
      'badAuthorityCertificate',
      `This certificate is for "${nameToText(next.subject)}", but the authority is "${nameToText(old.subject)}": the issuer in its certificates and CRLs would no longer match. Have the same name signed (in the same string types), or add another authority.`,
    )
  }
  // RFC 5280 4.2.1.1: their authority key identifier is this subject key identifier. Without one, the key's own was used.
  const known = old.subjectKeyIdentifier ?? keyIdentifier({ bits: old.keyBits })
  const kept = next.subjectKeyIdentifier ? next.subjectKeyIdentifier.equals(known) : !old.subjectKeyIdentifier
  if (!kept) {
    throw new CaError(
      'badAuthorityCertificate',
      `This certificate has another subject key identifier than the one before, or none: the authority key identifier in certificates and CRLs would no longer match. Have it signed with ${known.toString('hex')}.`,
    )
  }
}
