import { Note } from './page.tsx'
import { Copy } from './text.tsx'

/** Secrets that nobody can ask for again: title and text. */
export function ShownOnce({ secrets }: { secrets: readonly (readonly [string, string])[] }) {
  return (
    <Note kind="good">
      <p>
        <strong>Copy this now: it is not shown again.</strong>
      </p>
      <dl>
        {secrets.map(([title, text]) => (
          <div class="secret" key={title}>
            <dt>{title}</dt>
            <dd>
              <code class="mono">{text}</code> <Copy text={text} label={`Copy ${title.toLowerCase()}`} />
            </dd>
          </div>
        ))}
      </dl>
    </Note>
  )
}
