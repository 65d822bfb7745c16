import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestCa } from '../api/ca-fixture.ts'
import { csrPem, newKey } from '../api/requests.ts'
import { readCrl } from '../crl/published.ts'
import { readAnswer } from '../ocsp/answer.ts'
import { certId, ocspRequest } from '../ocsp/ocsp-request.ts'
import { ConsoleWindow, launch } from './browser.ts'

let ca: TestCa
let browser: Browser
let port: number
const serials: Record<string, string> = {}

beforeAll(async () => {
  ca = await TestCa.create()
  for (const name of ['lost', 'kept', 'one.old', 'two.old', 'paused'])
    serials[name] = (await ca.enrol(csrPem([`dns:${name}.example.test`]))).serialNumber
  port = await ca.listen()
  browser = await launch()
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await ca?.close()
})

/** As a relying party learns it over HTTP. */
async function published(serialNumber: string): Promise<{ ocsp: string | undefined; isListed: boolean }> {
  const issuer = ca.service.authorities.issuing()
  const crl = await ca.http.inject({ url: `/crl/${issuer.id}.crl` })
  const ocsp = await ca.http.inject({
    method: 'POST',
    url: '/ocsp',
    headers: { 'content-type': 'application/ocsp-request' },
    payload: ocspRequest([certId(issuer.certificate, serialNumber)]),
  })
  return {
    ocsp: readAnswer(ocsp.rawPayload, issuer).singles[0]?.status,
    isListed: (readCrl(crl.rawPayload, issuer).serialNumbers ?? []).includes(serialNumber),
  }
}

test('a certificate is found while one types, revoked, and then revoked in OCSP and CRL', async () => {
  const window = await ConsoleWindow.open(browser, { ca, port })
  const { page } = window
  await window.signIn()
  await page.getByRole('link', { name: 'Certificates', exact: true }).click()
  await window.heading('Certificates')
  await page.getByLabel('Search').pressSequentially('LOST.ex')
  await page.getByText('kept.example.test').waitFor({ state: 'detached' })
  await page.getByRole('link', { name: 'lost.example.test' }).click()
  await window.heading('lost.example.test')
  expect(await published(serials.lost!)).toEqual({ ocsp: 'good', isListed: false })
  await page.getByRole('button', { name: 'Revoke or hold …' }).click()
  await page.getByLabel('Reason').selectOption('keyCompromise')
  await page.getByRole('button', { name: 'Revoke', exact: true }).click()
  await page.getByRole('definition').filter({ hasText: 'key compromise' }).waitFor()
  expect(await published(serials.lost!)).toEqual({ ocsp: 'revoked', isListed: true })
  const event = page.getByRole('listitem').filter({ hasText: 'Revoked by admin:default' })
  await event.getByText('Reason: key compromise').waitFor()
  await window.close()
})

test('a certificate is held, and released again', async () => {
  const window = await ConsoleWindow.open(browser, { ca, port })
  const { page } = window
  await window.signIn()
  await window.goto(`certificates/${serials.paused}`)
  await window.heading('paused.example.test')
  await page.getByRole('button', { name: 'Revoke or hold …' }).click()
  await page.getByLabel('Reason').selectOption('certificateHold')
  await page.getByRole('button', { name: 'Hold', exact: true }).click()
  await page.getByRole('button', { name: 'Release' }).waitFor()
  expect(await published(serials.paused!)).toEqual({ ocsp: 'revoked', isListed: true })
  await page.getByRole('button', { name: 'Release' }).click()
  await page.getByRole('button', { name: 'Revoke or hold …' }).waitFor()
  expect(await published(serials.paused!)).toEqual({ ocsp: 'good', isListed: false })
  await window.close()
})

test('many are revoked at once, after one has seen which', async () => {
  const window = await ConsoleWindow.open(browser, { ca, port })
  const { page } = window
  await window.signIn()
  await window.goto('certificates?search=*.old.example.test')
  await window.heading('Certificates')
  await page.getByRole('button', { name: 'Revoke many …' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'See what would be revoked' }).click()
  await dialog.getByText('2 would be revoked. Nothing has been done yet.').waitFor()
  expect(await published(serials['one.old']!)).toMatchObject({ ocsp: 'good' })
  await dialog.getByRole('button', { name: 'Revoke 2' }).click()
  await dialog.getByText('2 of 2 were revoked now.').waitFor()
  for (const name of ['one.old', 'two.old'])
    expect(await published(serials[name]!)).toEqual({ ocsp: 'revoked', isListed: true })
  expect(await published(serials.kept!)).toEqual({ ocsp: 'good', isListed: false })
  await window.close()
})

test('a filter that is changed while one waits to see what it matches is looked at anew, and nothing is revoked by it before', async () => {
  for (const name of ['seen.gone', 'unseen.gone'])
    serials[name] = (await ca.enrol(csrPem([`dns:${name}.example.test`]))).serialNumber
  const window = await ConsoleWindow.open(browser, { ca, port })
  const { page } = window
  await window.signIn()
  await window.goto('certificates?search=seen.gone.example.test')
  await window.heading('Certificates')
  let answer = () => {}
  const held = new Promise<void>((resolve) => {
    answer = resolve
  })
  await page.route(
    '**/v1/certificates/revoke',
    async (route) => {
      await held
      await route.continue()
    },
    { times: 1 },
  )
  await page.getByRole('button', { name: 'Revoke many …' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'See what would be revoked' }).click()
  await dialog.getByLabel('Name').fill('*.gone.example.test')
  answer()
  await dialog.getByRole('button', { name: 'See what would be revoked' }).click()
  await dialog.getByText('2 would be revoked. Nothing has been done yet.').waitFor()
  expect(await published(serials['unseen.gone']!)).toMatchObject({ ocsp: 'good' })
  await window.close()
})

test('the history of a certificate says who asked for it, and leads to what replaced it and back', async () => {
  const key = newKey()
  const first = await ca.enrol(csrPem(['dns:renewed.example.test'], { key }))
  const renewed = await ca.call(`/v1/certificates/${first.serialNumber}/renew`, {
    body: { csr: csrPem(['dns:renewed.example.test']) },
  })
  expect(renewed.status, renewed.text).toBe(201)
  const window = await ConsoleWindow.open(browser, { ca, port })
  const { page } = window
  await window.signIn()
  await window.goto(`certificates/${first.serialNumber}`)
  await page.getByRole('listitem').filter({ hasText: 'Issued by admin:default over REST' }).waitFor()
  await page.getByRole('listitem').filter({ hasText: 'Replaced by' }).getByRole('link').click()
  await page.getByRole('listitem').filter({ hasText: 'Issued as a renewal' }).waitFor()
  await page.getByRole('listitem').filter({ hasText: 'Replaces' }).getByRole('link').click()
  await page.getByRole('listitem').filter({ hasText: 'Replaced by' }).waitFor()
  await window.close()
})

test('a certificate is downloaded as PEM, DER and PKCS #7', async () => {
  const window = await ConsoleWindow.open(browser, { ca, port })
  const { page } = window
  await window.signIn()
  await window.goto(`certificates/${serials.kept}`)
  await window.heading('kept.example.test')
  await page.getByText('TLS server').waitFor()
  for (const [form, extension] of [
    ['PEM', 'pem'],
    ['DER', 'cer'],
    ['P7B', 'p7b'],
  ] as const) {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: `Download as ${form}` }).click(),
    ])
    expect(download.suggestedFilename()).toBe(`${serials.kept}.${extension}`)
  }
  await window.close()
})
