import { epochSeconds } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import { parseCsr } from '../../pki/csr/parse.ts'
import type { AuditEntry } from '../../store/commands.ts'
import type { Store } from '../../store/store.ts'
import { fingerprint } from '../authorities.ts'
import { proveAuthorityChain } from './chain.ts'

/**
 * Installs the signed certificate of an authority that waits for it, or a newer one for the same key, with the chain above
 * it, and the root as an authority of its own, so that its CRL has a place. The first to be installed becomes the default.
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
  const root = above.at(-1)!
  if (!rows.some((one) => one.certificate?.equals(root.der))) {
    await store.write('recordAuthority', {
      id: rows.some((one) => one.id === 'root') ? `root-${fingerprint(root.der).slice(0, 8)}` : 'root',
      role: 'root',
      state: 'active',
      isDefault: false,
      certificate: root.der,
      chain: [],
      csr: null,
      keyFile: null,
      hash: null,
      createdAt: epochSeconds(now),
      audit,
    })
  }
  await store.write('recordAuthority', {
    ...row,
    state: 'active',
    isDefault: row.isDefault || !rows.some((one) => one.isDefault),
    certificate: own!.der,
    chain: above.map((info) => info.der),
    audit,
  })
}
