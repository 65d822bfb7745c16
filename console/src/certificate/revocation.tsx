import { useState } from 'preact/hooks'
import { call } from '../api/client.ts'
import { useAction } from '../load.ts'
import { Dialog, Submit, submitting } from '../parts/form.tsx'
import { ReasonSelect } from '../parts/reason.tsx'

interface RevocationProps {
  readonly serial: string
  readonly onClose: () => void
  readonly onRevoked: () => void
}

export function Revocation({ serial, onClose, onRevoked }: RevocationProps) {
  const [reason, setReason] = useState('unspecified')
  const { isBusy, problem, run } = useAction()
  const revoke = () =>
    run(async () => {
      await call(`v1/certificates/${serial}/revoke`, { method: 'POST', body: { reason } })
      onRevoked()
    })
  return (
    <Dialog title="Revoke this certificate" onClose={onClose}>
      <form onSubmit={submitting(revoke)}>
        <p>
          OCSP and the CRL say so at once.
          {reason !== 'certificateHold' && ' A revocation cannot be taken back.'}
        </p>
        <ReasonSelect value={reason} onChange={setReason} />
        <Submit
          label={reason === 'certificateHold' ? 'Hold' : 'Revoke'}
          isDangerous
          isBusy={isBusy}
          problem={problem}
        >
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </Submit>
      </form>
    </Dialog>
  )
}
