import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import type { Problem } from '../api/client.ts'
import { ProblemNote } from './page.tsx'

interface FieldProps {
  readonly label: string
  readonly hint?: string
  readonly value: string
  readonly onChange: (value: string) => void
}

interface InputProps extends FieldProps {
  readonly type?: 'text' | 'search' | 'password' | 'date'
  readonly placeholder?: string
  readonly isRequired?: boolean
  readonly isTall?: boolean
}

export function Input({ label, hint, value, onChange, type = 'text', isTall, ...rest }: InputProps) {
  const id = useId()
  const shared = {
    id,
    value,
    placeholder: rest.placeholder,
    required: rest.isRequired ?? false,
    autocomplete: 'off',
    spellcheck: false,
    ...(hint ? { 'aria-describedby': `${id}-hint` } : {}),
    onInput: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value),
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {isTall ? <textarea rows={4} {...shared} /> : <input type={type as 'text'} {...shared} />}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  )
}

/** For an `Input` of a day, where the API takes a time: its first or last millisecond, in which the audit log counts. */
export function dayField(value = '', onChange: (value: string) => void, isEnd = false) {
  const time = isEnd ? 'T23:59:59.999Z' : 'T00:00:00Z'
  return {
    type: 'date' as const,
    value: value.slice(0, 10),
    onChange: (day: string) => onChange(day === '' ? '' : day + time),
  }
}

interface SelectProps extends FieldProps {
  /** Value and text. */
  readonly options: readonly (readonly [string, string])[]
}

export function Select({ label, hint, value, onChange, options }: SelectProps) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
      {hint && <p class="hint">{hint}</p>}
    </div>
  )
}

export function CheckBox({
  label,
  isChecked,
  onChange,
}: {
  label: string
  isChecked: boolean
  onChange: (to: boolean) => void
}) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={isChecked}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <span>{label}</span>
    </label>
  )
}

interface DialogProps {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
}

/** Above the page, which rests meanwhile; Escape closes it, and the focus goes back to where it was. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const id = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    dialog.current?.showModal()
    // Not to the button that closes it, which is first.
    dialog.current?.querySelector<HTMLElement>('input, select, textarea')?.focus()
  }, [])
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <header class="card-head">
        <h2 id={id}>{title}</h2>
        <button type="button" class="small" aria-label="Close" onClick={() => dialog.current?.close()}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  )
}

interface SubmitProps {
  readonly label: string
  readonly isBusy: boolean
  readonly problem: Problem | undefined
  readonly isDangerous?: boolean
  readonly children?: ComponentChildren
}

/** What went wrong, and the button that tries it. */
export function Submit({ label, isBusy, problem, isDangerous = false, children }: SubmitProps) {
  return (
    <>
      <ProblemNote problem={problem} />
      <div class="actions">
        <button type="submit" class={isDangerous ? 'danger' : 'primary'} disabled={isBusy}>
          {isBusy ? 'One moment …' : label}
        </button>
        {children}
      </div>
    </>
  )
}

/** For a form's `onSubmit`: the page stays. */
export function submitting(act: () => void): (event: Event) => void {
  return (event) => {
    event.preventDefault()
    act()
  }
}
