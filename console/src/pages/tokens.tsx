import { useState } from 'preact/hooks'
import { call, query } from '../api/client.ts'
import type { Token } from '../api/types.ts'
import { useLoad } from '../load.ts'
import { Confirm } from '../parts/confirm.tsx'
import { Empty, Page, ProblemNote } from '../parts/page.tsx'
import { type Column, Pager, Table, usePages } from '../parts/table.tsx'
import { Ago, NameCell, Principal, Serial, State } from '../parts/text.tsx'
import { useMay } from '../session.ts'
import { NewToken } from './new-token.tsx'

const COLUMNS: readonly Column<Token>[] = [
  { title: 'Token', show: ({ id }) => `No. ${id}`, isNumber: false },
  { title: 'Names', show: ({ names }) => <NameCell names={names} /> },
  { title: 'State', show: ({ state }) => <State state={state} /> },
  { title: 'Profile', show: ({ profile }) => profile },
  { title: 'Made by', show: ({ createdBy }) => <Principal id={createdBy} /> },
  { title: 'Made', show: ({ createdAt }) => <Ago at={createdAt} /> },
  { title: 'Expires', show: ({ expiresAt }) => <Ago at={expiresAt} /> },
  { title: 'Used for', show: ({ spentOn }) => (spentOn ? <Serial serial={spentOn} /> : '–') },
]

export function Tokens() {
  const mayMake = useMay('admin')
  const mayRevoke = useMay('operator')
  const [isMaking, setMaking] = useState(false)
  const pages = usePages()
  const { data, problem, isLoading, reload } = useLoad(String(pages.after), (signal) =>
    call<{ tokens: Token[]; next: string | null }>(`v1/tokens${query({ limit: 25, after: pages.after })}`, {
      signal,
    }),
  )
  const revocation: Column<Token> = {
    title: 'Change',
    show: ({ id, state }) =>
      (state === 'open' || state === 'pending') && (
        <Confirm
          label={`Revoke token ${id}`}
          text="Nobody can enrol with it any more."
          act={() => call(`v1/tokens/${id}`, { method: 'DELETE' })}
          onDone={reload}
        />
      ),
  }
  return (
    <Page
      title="Tokens"
      actions={
        mayMake && (
          <button type="button" class="primary" onClick={() => setMaking(true)}>
            New token …
          </button>
        )
      }
    >
      <ProblemNote problem={problem} />
      <section class="card" aria-label="Tokens" aria-busy={isLoading}>
        {data && data.tokens.length > 0 ? (
          <Table
            caption="Enrolment tokens"
            columns={mayRevoke ? [...COLUMNS, revocation] : COLUMNS}
            rows={data.tokens}
            keyOf={({ id }) => id}
          />
        ) : (
          <Empty isLoading={isLoading}>There is no token.</Empty>
        )}
        <Pager pages={pages} next={data?.next} />
      </section>
      {isMaking && <NewToken onClose={() => setMaking(false)} onMade={reload} />}
    </Page>
  )
}
