import { send } from '../api/client.ts'
import { useAction } from '../load.ts'
import { ProblemNote } from '../parts/page.tsx'

/** Name, what the API calls it, and the end of the file's name. */
const FORMS = [
  ['PEM', 'application/pem-certificate-chain', 'pem'],
  ['DER', 'application/pkix-cert', 'cer'],
  ['P7B', 'application/pkcs7-mime', 'p7b'],
] as const

export function Downloads({ serial }: { serial: string }) {
  const { isBusy, problem, run } = useAction()
  const download = (accept: string, extension: string) =>
    run(async () => {
      const response = await send(`v1/certificates/${serial}`, { headers: { accept } })
      save(await response.blob(), `${serial}.${extension}`)
    })
  return (
    <div class="actions">
      {FORMS.map(([title, type, extension]) => (
        <button
          key={title}
          type="button"
          class="small"
          aria-label={`Download as ${title}`}
          disabled={isBusy}
          onClick={() => download(type, extension)}
        >
          ↓ {title}
        </button>
      ))}
      <ProblemNote problem={problem} />
    </div>
  )
}

function save(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}
