import { RecentMap } from '../recent-map.ts'
import type { CommandKind, Commands, TokenRecord } from './commands.ts'
import type { TokenRow } from './queries.ts'
import type { Store } from './store.ts'

/** Tokens that are remembered; the one that was made longest ago is forgotten first. */
const MOST = 10_000

/**
 * A token is made, and soon used once. What it was made as is remembered until it is first asked for, or until a command names
 * it: nothing else can have changed its row. Only one process writes.
 */
export function rememberNewTokens(
  store: Pick<Store, 'write'> & { readonly read: Pick<Store['read'], 'tokenByHash'> },
) {
  const untouched = new RecentMap<string, TokenRow>(MOST)
  const hashes = new RecentMap<number, string>(MOST)
  const tokenByHash: Store['read']['tokenByHash'] = async (hash) => {
    const row = untouched.get(keyOf(hash))
    if (!row) return store.read.tokenByHash(hash)
    forget(row.tokenId)
    return row
  }
  const create = async (record: TokenRecord) => {
    const row = rowOf(record)
    const key = keyOf(record.hash)
    const made = await store.write('createToken', record)
    untouched.set(key, { ...row, ...made })
    hashes.set(made.tokenId, key)
    return made
  }
  function forget(tokenId: number | null): void {
    const key = tokenId === null ? undefined : hashes.get(tokenId)
    if (tokenId === null || key === undefined) return
    hashes.delete(tokenId)
    untouched.delete(key)
  }
  async function write<K extends CommandKind>(
    kind: K,
    input: Commands[K]['input'],
  ): Promise<Commands[K]['output']> {
    if (kind === 'createToken') return create(input as TokenRecord)
    const named = 'tokenId' in input ? input.tokenId : null
    // Whether it succeeds or not, or only may have.
    forget(named)
    return store.write(kind, input)
  }
  return { tokenByHash, write }
}

function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('latin1')
}

function rowOf({ hash: _, audit: __, names, ...facts }: TokenRecord): Omit<TokenRow, 'tokenId'> {
  return {
    ...facts,
    names: names.map((name) => ({ ...name })),
    ...{ revokedAt: null, spentAt: null, spentOn: null, request: null },
  }
}
