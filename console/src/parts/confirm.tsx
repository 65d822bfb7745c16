import { useState } from 'preact/hooks'
import { useAction } from '../load.ts'
import { Dialog, Submit, submitting } from './form.tsx'

interface ConfirmProps {
  /** On the button, with what it is done to: "Revoke token 17". */
  readonly label: string
  /** What follows from it. */
  readonly text: string
  readonly act: () => Promise<unknown>
  readonly onDone: () => void
}

/** A button that asks once more. */
export function Confirm({ label, text, act, onDone }: ConfirmProps) {
  const [isAsking, setAsking] = useState(false)
  const { isBusy, problem, run } = useAction()
  const [verb = ''] = label.split(' ')
  const go = () =>
    run(async () => {
      await act()
      setAsking(false)
      onDone()
    })
  return (
    <>
      <button type="button" class="small danger" aria-label={label} onClick={() => setAsking(true)}>
        {verb}
      </button>
      {isAsking && (
        <Dialog title={`${label}?`} onClose={() => setAsking(false)}>
          <form onSubmit={submitting(go)}>
            <p>{text}</p>
            <Submit label={verb} isDangerous isBusy={isBusy} problem={problem}>
              <button type="button" onClick={() => setAsking(false)}>
                Cancel
              </button>
            </Submit>
          </form>
        </Dialog>
      )}
    </>
  )
}
