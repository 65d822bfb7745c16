import { call } from '../api/client.ts'
import type { AcmeWholeOrder } from '../api/types.ts'
import { useLoad } from '../load.ts'
import { Dialog } from '../parts/form.tsx'
import { Empty, ProblemNote } from '../parts/page.tsx'
import { At, State } from '../parts/text.tsx'

/** What became of an order's challenges: the first thing one asks where a client fails. */
export function OrderDialog({ id, onClose }: { id: number; onClose: () => void }) {
  const { data, problem, isLoading } = useLoad(String(id), (signal) =>
    call<AcmeWholeOrder>(`v1/acme/orders/${id}`, { signal }),
  )
  return (
    <Dialog title={`Order no. ${id}`} onClose={onClose}>
      <ProblemNote problem={problem} />
      {data ? (
        <>
          <p>
            <State state={data.status} /> until <At at={data.expiresAt} />
          </p>
          {data.error?.detail && <p class="note bad">{data.error.detail}</p>}
          {data.authorizations.map(({ id: authorization, name, status, challenges }) => (
            <section key={authorization}>
              <h3>
                {name} <State state={status} />
              </h3>
              <ul>
                {challenges.map(({ type, status: state, attempts, error }) => (
                  <li key={type}>
                    {type}: {state}, {attempts} {attempts === 1 ? 'attempt' : 'attempts'}
                    {error?.detail && <div class="break">{error.detail}</div>}
                  </li>
                ))}
              </ul>
            </section>
          ))}
        </>
      ) : (
        <Empty isLoading={isLoading}>Nothing.</Empty>
      )}
    </Dialog>
  )
}
