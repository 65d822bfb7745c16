import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AcmeCa } from '../api/acme/acme-ca.ts'
import { csrPem } from '../api/requests.ts'
import { ConsoleWindow, launch } from './browser.ts'

let acme: AcmeCa
let browser: Browser
let port: number
const window = () => ConsoleWindow.open(browser, { ca: acme.ca, port })

beforeAll(async () => {
  acme = await AcmeCa.create()
  const client = await acme.client()
  for (let n = 0; n < 30; n++) await client.newOrder([`n${n}.example.test`])
  port = await acme.ca.listen()
  browser = await launch()
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await acme?.close()
})

test('another list begins at its first page, wherever one was in the one before', async () => {
  const { page, ...shown } = await signedIn('acme/orders?account=1', 'ACME')
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByText('Page 2').waitFor()
  await page.getByRole('button', { name: 'Order No. 5' }).waitFor()
  await page.getByRole('link', { name: 'Show all' }).click()
  await page.getByRole('button', { name: 'Order No. 30' }).waitFor()
  await page.getByText('Page 1').waitFor()
  await shown.close()
})

test('whoever asks twice for the next page, before it is there, gets the next one', async () => {
  const { page, ...shown } = await signedIn('acme/orders', 'ACME')
  let answer = () => {}
  const held = new Promise<void>((resolve) => {
    answer = resolve
  })
  await page.route('**/v1/acme/orders?*after=*', async (route) => {
    await held
    await route.continue()
  })
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('button', { name: 'Next' }).click()
  answer()
  await page.getByRole('button', { name: 'Order No. 5' }).waitFor()
  await page.getByText('Page 2').waitFor()
  await shown.close()
})

test('the audit log until a day has the last second of that day', async () => {
  const { ca } = acme
  const day = new Date(ca.now).toISOString().slice(0, 10)
  ca.now = Date.parse(`${day}T23:59:59.700Z`)
  const { serialNumber } = await ca.enrol(csrPem(['dns:late.example.test']))
  ca.now += 1000
  const { page, ...shown } = await signedIn(`audit?target=${serialNumber}`, 'Audit log')
  await page.getByLabel('Until').fill(day)
  await page.waitForURL(/[?&]to=/)
  await shown.settled()
  expect(await page.getByText('certificate.issue').count()).toBe(1)
  await shown.close()
})

async function signedIn(path: string, title: string) {
  const shown = await window()
  await shown.signIn()
  await shown.goto(path)
  await shown.heading(title)
  return { page: shown.page, close: () => shown.close(), settled: () => shown.settled() }
}
