import { fileURLToPath } from 'node:url'
import { ConsoleWindow, launch } from '../test/console/browser.ts'
import { sampleCa } from '../test/console/sample-ca.ts'

/** Takes the pictures in docs/console/, of the CA that the console's tests have. Needs Debian's Chromium. */
interface Picture {
  readonly name: string
  readonly path: string
  readonly title: string
  readonly colorScheme: 'light' | 'dark'
  readonly viewport: { readonly width: number; readonly height: number }
}

const WIDE = { width: 1180, height: 680 }
const PHONE = { width: 360, height: 740 }

const sample = await sampleCa()
const { ca } = sample
const port = await ca.listen()
const browser = await launch()
const { rows } = await ca.service.store.read.searchCertificates(
  { name: 'held.example.test', now: ca.seconds },
  { limit: 1 },
)

const PICTURES: readonly Picture[] = [
  { name: 'overview', path: '', title: 'Overview', colorScheme: 'light', viewport: WIDE },
  { name: 'certificates', path: 'certificates', title: 'Certificates', colorScheme: 'dark', viewport: WIDE },
  {
    name: 'certificate',
    path: `certificates/${rows[0]!.serialNumber}`,
    title: 'held.example.test',
    colorScheme: 'light',
    viewport: WIDE,
  },
  { name: 'approval', path: 'approvals/1', title: 'Request no. 1', colorScheme: 'light', viewport: PHONE },
]

for (const { name, path, title, ...options } of PICTURES) {
  const window = await ConsoleWindow.open(browser, { ca, port }, options)
  await window.signIn()
  await window.goto(path)
  await window.heading(title)
  const file = fileURLToPath(new URL(`../docs/console/${name}.png`, import.meta.url))
  await window.page.screenshot({ path: file })
  await window.close()
}
await browser.close()
await sample.close()
