import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AcmeCa } from '../api/acme/acme-ca.ts'
import type { TestCa } from '../api/ca-fixture.ts'
import { installRoots, secondRoot } from '../api/new-authority.ts'
import { violations } from './accessibility.ts'
import { ConsoleWindow, launch } from './browser.ts'
import { sampleCa } from './sample-ca.ts'

let sample: AcmeCa
let ca: TestCa
let browser: Browser
let port: number
/** Path and title. */
const pages: [string, string][] = [
  ['', 'Overview'],
  ['certificates', 'Certificates'],
  ['certificates?state=held', 'Certificates'],
  ['approvals', 'Approvals'],
  ['approvals/1', 'Request no. 1'],
  ['tokens', 'Tokens'],
  ['acme/keys', 'ACME'],
  ['acme/accounts', 'ACME'],
  ['acme/orders', 'ACME'],
  ['audit', 'Audit log'],
  ['nowhere', 'There is no such page'],
  ['%', 'There is no such page'],
]

beforeAll(async () => {
  sample = await sampleCa()
  ca = sample.ca
  port = await ca.listen()
  browser = await launch()
  const { rows } = await ca.service.store.read.searchCertificates(
    { name: 'held.example.test', now: ca.seconds },
    { limit: 1 },
  )
  pages.push([`certificates/${rows[0]!.serialNumber}`, 'held.example.test'])
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await sample?.close()
})

describe.for(['light', 'dark'] as const)('in %s colours', (colorScheme) => {
  test('every page is accessible by WCAG AA', { timeout: 180_000 }, async () => {
    const window = await ConsoleWindow.open(browser, { ca, port }, { colorScheme })
    await window.goto()
    await window.page.getByLabel('Admin key').waitFor()
    expect(await violations(window.page)).toEqual([])
    await window.signIn()
    for (const [path, title] of pages) {
      await window.goto(path)
      await window.heading(title)
      expect(await violations(window.page), path).toEqual([])
    }
    await window.close()
  })

  test('what opens above a page is accessible too', { timeout: 180_000 }, async () => {
    const window = await ConsoleWindow.open(browser, { ca, port }, { colorScheme })
    await window.signIn()
    for (const [path, title, button] of [
      ['certificates', 'Certificates', 'Revoke many …'],
      ['tokens', 'Tokens', 'New token …'],
      ['acme/keys', 'ACME', 'New key …'],
      ['acme/orders', 'ACME', 'Order No. 1'],
    ] as const) {
      await window.goto(path)
      await window.heading(title)
      await window.page.getByRole('button', { name: button }).click()
      await window.page.getByRole('dialog').waitFor()
      expect(await violations(window.page), path).toEqual([])
      await window.page.keyboard.press('Escape')
      await window.page.getByRole('dialog').waitFor({ state: 'detached' })
    }
    await window.close()
  })
})

test('no page scrolls sideways on a phone', { timeout: 180_000 }, async () => {
  const viewport = { width: 360, height: 740 }
  const window = await ConsoleWindow.open(browser, { ca, port }, { viewport, hasTouch: true })
  await window.signIn()
  for (const [path, title] of pages) {
    await window.goto(path)
    await window.heading(title)
    expect(await window.page.evaluate('document.documentElement.scrollWidth'), path).toBeLessThanOrEqual(360)
  }
  await window.page.getByRole('button', { name: 'Menu' }).click()
  await window.page.getByRole('link', { name: 'Tokens' }).click()
  await window.heading('Tokens')
  await window.close()
})

test('the pages are reached by keyboard alone', { timeout: 120_000 }, async () => {
  const window = await ConsoleWindow.open(browser, { ca, port })
  await window.goto()
  await window.page.getByLabel('Admin key').focus()
  await window.page.keyboard.type(ca.adminKey)
  await window.page.keyboard.press('Enter')
  await window.heading('Overview')
  const focused = () => window.page.evaluate('document.activeElement.textContent') as Promise<string>
  // The title has the focus; backwards from it are the places.
  expect(await focused()).toBe('Overview')
  for (let step = 0; step < 20 && (await focused()) !== 'Audit log'; step++)
    await window.page.keyboard.press('Shift+Tab')
  await window.page.keyboard.press('Enter')
  await window.heading('Audit log')
  expect(await focused()).toBe('Audit log')
  await window.close()
})

test('the CRL of what is retired and answers no more is not shown to lapse', {
  timeout: 120_000,
}, async () => {
  const { root, certificate, crl } = await secondRoot(ca)
  await installRoots(ca, certificate, crl)
  const window = await ConsoleWindow.open(browser, { ca, port })
  await window.signIn()
  const numbers = window.page
    .getByRole('table', { name: 'CRLs' })
    .getByRole('row')
    .filter({ hasText: root.id })
  await numbers.waitFor()
  const retired = await ca.call(`/v1/authorities/${root.id}/phase`, { body: { phase: 'retired' } })
  expect(retired.status, retired.text).toBe(200)
  await window.page.reload()
  await window.heading('Overview')
  await window.page.getByRole('table', { name: 'CRLs' }).waitFor()
  expect(await numbers.count()).toBe(0)
  await window.close()
})
