import { useState } from 'preact/hooks'
import { call, query } from '../api/client.ts'
import type { EabKey } from '../api/types.ts'
import { useLoad } from '../load.ts'
import { Confirm } from '../parts/confirm.tsx'
import { Empty, ProblemNote } from '../parts/page.tsx'
import { type Column, Pager, Table, usePages } from '../parts/table.tsx'
import { Ago, State } from '../parts/text.tsx'
import { useMay } from '../session.ts'
import { NewKey } from './new-key.tsx'
import { AcmePage } from './tabs.tsx'

const COLUMNS: readonly Column<EabKey>[] = [
  { title: 'Key', show: ({ kid }) => <span class="mono break">{kid}</span> },
  { title: 'State', show: ({ state }) => <State state={state} /> },
  { title: 'Names', show: ({ names }) => names?.join(', ') ?? <span class="quiet">any</span> },
  { title: 'Profiles', show: ({ profiles }) => profiles?.join(', ') ?? <span class="quiet">any</span> },
  { title: 'Accounts', show: ({ accounts, singleUse }) => `${accounts}${singleUse ? ' of 1' : ''}` },
  { title: 'Made by', show: ({ createdBy }) => createdBy },
  {
    title: 'Expires',
    show: ({ expiresAt }) => (expiresAt ? <Ago at={expiresAt} /> : <span class="quiet">never</span>),
  },
]

export function EabKeys() {
  const mayMake = useMay('admin')
  const mayRevoke = useMay('operator')
  const [isMaking, setMaking] = useState(false)
  const pages = usePages()
  const { data, problem, isLoading, reload } = useLoad(String(pages.after), (signal) =>
    call<{ eabKeys: EabKey[]; next: string | null }>(
      `v1/acme/eab-keys${query({ limit: 25, after: pages.after })}`,
      {
        signal,
      },
    ),
  )
  const revocation: Column<EabKey> = {
    title: 'Change',
    show: ({ kid, state }) =>
      (state === 'open' || state === 'used') && (
        <Confirm
          label={`Revoke key ${kid}`}
          text="No account can be bound with it any more. Accounts that are bound already stay."
          act={() => call(`v1/acme/eab-keys/${kid}`, { method: 'DELETE' })}
          onDone={reload}
        />
      ),
  }
  return (
    <AcmePage
      tab="keys"
      actions={
        mayMake && (
          <button type="button" class="primary" onClick={() => setMaking(true)}>
            New key …
          </button>
        )
      }
    >
      <ProblemNote problem={problem} />
      <section class="card" aria-label="Keys" aria-busy={isLoading}>
        {data && data.eabKeys.length > 0 ? (
          <Table
            caption="Keys of external account binding"
            columns={mayRevoke ? [...COLUMNS, revocation] : COLUMNS}
            rows={data.eabKeys}
            keyOf={({ kid }) => kid}
          />
        ) : (
          <Empty isLoading={isLoading}>There is no key.</Empty>
        )}
        <Pager pages={pages} next={data?.next} />
      </section>
      {isMaking && <NewKey onClose={() => setMaking(false)} onMade={reload} />}
    </AcmePage>
  )
}
