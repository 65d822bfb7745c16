import type { Authority } from '../api/types.ts'
import { date, relative } from '../format.ts'
import { LifeBar, State } from '../parts/text.tsx'

interface Node {
  readonly authority: Authority
  readonly children: readonly Node[]
}

/** Each below the one that issued its certificate, as far as that one is known here. */
export function AuthorityTree({ authorities }: { authorities: readonly Authority[] }) {
  const isHere = (pem: string | undefined) => authorities.find(({ certificate }) => certificate === pem)
  const nodesBelow = (parent: Authority | undefined): Node[] =>
    authorities
      .filter((one) => one !== parent && isHere(one.chain[0] ?? '') === parent)
      .map((authority) => ({ authority, children: nodesBelow(authority) }))
  return <Branch nodes={nodesBelow(undefined)} />
}

function Branch({ nodes }: { nodes: readonly Node[] }) {
  return (
    <ul class="tree">
      {nodes.map(({ authority, children }) => (
        <li key={authority.id}>
          <div class="line">
            <strong>{authority.id}</strong>
            <span class="quiet break">{authority.subject ?? 'waits for its certificate'}</span>
            <State state={authority.state} />
            {authority.revokedBy !== null && <State state="revoked" />}
            {authority.isDefault && <span class="state good">default</span>}
          </div>
          <Life authority={authority} />
          {children.length > 0 && <Branch nodes={children} />}
        </li>
      ))}
    </ul>
  )
}

function Life({ authority: { id, notBefore, notAfter } }: { authority: Authority }) {
  if (notBefore === null || notAfter === null) return null
  return (
    <>
      <LifeBar from={notBefore} to={notAfter} label={`Life of ${id}`} />
      <div class="ends quiet">
        <span>{date(notBefore)}</span>
        <span>
          {date(notAfter)}, {relative(notAfter)}
        </span>
      </div>
    </>
  )
}
