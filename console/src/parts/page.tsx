import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { Problem } from '../api/client.ts'

interface PageProps {
  readonly title: string
  /** Beside the title: buttons, a state. */
  readonly actions?: ComponentChildren
  readonly children: ComponentChildren
}

/** A page's title and what is on it. The title takes the focus, so that a reader hears where one has come to. */
export function Page({ title, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Chancery`
  }, [title])
  useEffect(() => heading.current?.focus({ preventScroll: true }), [])
  return (
    <>
      <header class="page-head">
        <h1 tabIndex={-1} ref={heading}>
          {title}
        </h1>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </>
  )
}

export function Card({
  title,
  aside,
  children,
}: {
  title: string
  aside?: ComponentChildren
  children: ComponentChildren
}) {
  return (
    <section class="card">
      <header class="card-head">
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  )
}

/** Read out as soon as it is there. */
export function ProblemNote({ problem }: { problem: Problem | undefined }) {
  if (!problem) return null
  return (
    <div class="note bad" role="alert">
      <strong>{problem.title}</strong>
      <p>{problem.message}</p>
    </div>
  )
}

export function Note({
  kind = 'info',
  children,
}: {
  kind?: 'info' | 'good' | 'warn'
  children: ComponentChildren
}) {
  return (
    <div class={`note ${kind}`} role="status">
      {children}
    </div>
  )
}

/** What stands in for rows: that they are on their way, or that there are none. */
export function Empty({ isLoading, children }: { isLoading: boolean; children: ComponentChildren }) {
  return (
    <p class="empty" role="status">
      {isLoading ? 'Loading …' : children}
    </p>
  )
}
