import { CaError } from '../errors.ts'
import { possessionOf, proveCsr } from '../pki/csr/prove.ts'
import { QUICK_KEYS } from '../pki/keys/algorithms.ts'
import { assembleSigned } from '../pki/signed.ts'
import type { IssuanceRecord, UnsignedIssuance } from '../store/commands.ts'
import { traced } from '../tracing/spans.ts'
import { quickKey } from './key-signer.ts'
import type { Prepared } from './prepare.ts'
import { type KeyProof, requestedKey } from './request.ts'
import type { Signer } from './signer.ts'

/**
 * What is to be recorded: the certificate, or, where its signature takes tens of microseconds, all that it is made of. The
 * writer then signs it right before it records it, so that this thread has the time for the next request. A proof as quick
 * goes along; any other is made first, in libuv's pool. Either way the key is used after the proof, and once. Throws what
 * `proveCsr` throws.
 */
export async function finish(
  prepared: Prepared,
  proof: KeyProof,
  signer: Signer,
): Promise<Pick<IssuanceRecord, 'der'> | Pick<UnsignedIssuance, 'unsigned'>> {
  if (!requestedKey(proof).spki.equals(prepared.grant.publicKey.spki))
    throw new CaError('internal', 'Another key was to be proven than the one that is certified.')
  const { hash, identifier } = signer.algorithm
  const key = quickKey(signer)
  const csr = proof.kind === 'csr' ? proof.csr : null
  if (key && csr && QUICK_KEYS.has(csr.publicKey.type))
    return { unsigned: { tbs: prepared.take(), hash, identifier, key, possession: possessionOf(csr) } }
  if (csr) await traced('prove', () => proveCsr(csr))
  const tbs = prepared.take()
  if (key) return { unsigned: { tbs, hash, identifier, key, possession: null } }
  return { der: assembleSigned(tbs, signer.algorithm, await traced('sign', () => signer.sign(tbs))) }
}
