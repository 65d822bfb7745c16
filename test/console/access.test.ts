import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Route } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AcmeCa } from '../api/acme/acme-ca.ts'
import { DAY, TestCa } from '../api/ca-fixture.ts'
import { csrPem, keyPem, newKey } from '../api/requests.ts'
import { eventually } from '../eventually.ts'
import { ConsoleWindow, launch } from './browser.ts'
import { sampleCa } from './sample-ca.ts'

let sample: AcmeCa
let ca: TestCa
let browser: Browser
let port: number

beforeAll(async () => {
  sample = await sampleCa({ admins: [{ san: 'email:ada@example.test', role: 'operator' }] })
  ca = sample.ca
  port = await ca.listen()
  browser = await launch()
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await sample?.close()
})

async function keyOf(role: string): Promise<string> {
  const made = await ca.call('/v1/admin-keys', { body: { name: `${role}-of-test`, role } })
  expect(made.status, made.text).toBe(201)
  return made.json.key
}

test('a wrong key is refused, and one may try again', async () => {
  const window = await ConsoleWindow.open(browser, { ca, port })
  await window.goto()
  await window.page.getByLabel('Admin key').fill('nonsense')
  await window.page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await window.page.getByRole('alert').waitFor()
  await window.signIn()
  await window.close()
})

test('whoever signs out, or whose session ends, is asked to sign in again', async () => {
  const window = await ConsoleWindow.open(browser, { ca, port })
  await window.signIn()
  await window.page.reload()
  await window.heading('Overview')
  await window.page.getByRole('button', { name: 'Sign out' }).click()
  await window.page.getByLabel('Admin key').waitFor()
  await window.page.reload()
  await window.page.getByLabel('Admin key').waitFor()
  await window.close()
})

test('whoever could not be signed out is told so, since the session goes on', async () => {
  const window = await ConsoleWindow.open(browser, { ca, port })
  await window.signIn()
  const refuse = (route: Route) =>
    route.request().method() === 'DELETE'
      ? route.fulfill({ status: 503, json: { title: 'Too many requests wait', detail: 'Try again.' } })
      : route.fallback()
  await window.page.route('**/v1/session', refuse)
  await window.page.getByRole('button', { name: 'Sign out' }).click()
  await window.page.getByRole('alert').filter({ hasText: 'Try again.' }).waitFor()
  expect(await window.page.getByLabel('Admin key').count()).toBe(0)
  await window.page.unroute('**/v1/session', refuse)
  await window.page.getByRole('button', { name: 'Sign out' }).click()
  await window.page.getByLabel('Admin key').waitFor()
  await window.close()
})

test('sign-in by a provider is offered where there is one', async () => {
  const window = await ConsoleWindow.open(browser, { ca, port })
  const link = window.page.getByRole('link', { name: 'Sign in with your organisation' })
  await window.goto()
  await window.page.getByLabel('Admin key').waitFor()
  await window.settled()
  expect(await link.count()).toBe(0)
  await window.page.route('**/v1/session/oidc', (route) =>
    route.fulfill({ status: 302, headers: { location: 'https://provider.example.test/' } }),
  )
  await window.page.reload()
  await link.waitFor()
  await window.close()
})

test('whether there is a provider is found out without beginning a sign-in, which would end one of another tab', async () => {
  const provider = createServer((_, response) => {
    const { port: at } = provider.address() as AddressInfo
    const issuer = `http://127.0.0.1:${at}`
    const endpoints = { authorization_endpoint: issuer, token_endpoint: issuer, jwks_uri: issuer }
    response.end(JSON.stringify({ issuer, ...endpoints }))
  }).listen(0, '127.0.0.1')
  await once(provider, 'listening')
  const other = await TestCa.create({
    options: {
      oidc: {
        issuer: `http://127.0.0.1:${(provider.address() as AddressInfo).port}`,
        clientId: 'ca',
        callback: 'https://localhost/v1/session/oidc/callback',
        roles: { boss: 'admin' },
      },
    },
  })
  const window = await ConsoleWindow.open(browser, { ca: other, port: await other.listen() })
  await window.goto()
  await window.page.getByRole('link', { name: 'Sign in with your organisation' }).waitFor()
  expect(await window.page.context().cookies()).toEqual([])
  await window.close()
  await other.close()
  provider.closeAllConnections()
  provider.close()
})

test('nothing of the session can be read by a script', async () => {
  const window = await ConsoleWindow.open(browser, { ca, port })
  await window.signIn()
  const kept = 'document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })'
  expect(await window.page.evaluate(kept)).toBe('{}')
  const cookies = await window.page.context().cookies()
  expect(cookies).toMatchObject([{ httpOnly: true, secure: true, sameSite: 'Strict' }])
  await window.close()
})

test('a client certificate signs in, in the role that the configuration gives it', async () => {
  const key = newKey()
  const csr = csrPem(['email:ada@example.test'], { key })
  const { certificate, chain } = await ca.enrol(csr, { profile: 'client' })
  const window = await ConsoleWindow.open(
    browser,
    { ca, port },
    {
      clientCertificates: [
        {
          origin: `https://localhost:${port}`,
          cert: Buffer.from(certificate + chain.join('')),
          key: Buffer.from(keyPem(key)),
        },
      ],
    },
  )
  await window.goto()
  await window.page.getByRole('button', { name: 'Use this browser’s certificate' }).click()
  await window.heading('Overview')
  await window.page.getByText('operator', { exact: true }).waitFor()
  await window.goto('tokens')
  await window.heading('Tokens')
  expect(await window.page.getByRole('button', { name: 'New token …' }).count()).toBe(0)
  expect(await window.page.getByRole('button', { name: 'Revoke token 3' }).count()).toBe(1)
  await window.close()
})

test('an auditor sees every page, and no button that changes anything', { timeout: 120_000 }, async () => {
  const key = await keyOf('auditor')
  const { rows } = await ca.service.store.read.searchCertificates(
    { name: 'held.example.test', now: ca.seconds },
    { limit: 1 },
  )
  const window = await ConsoleWindow.open(browser, { ca, port })
  const changes: string[] = []
  window.page.on('request', (request) => {
    const isChange = !['GET', 'HEAD'].includes(request.method())
    if (isChange && !request.url().endsWith('/v1/session')) changes.push(request.url())
  })
  await window.signIn(key)
  for (const [path, title] of [
    ['', 'Overview'],
    ['certificates', 'Certificates'],
    [`certificates/${rows[0]!.serialNumber}`, 'held.example.test'],
    ['approvals', 'Approvals'],
    ['approvals/1', 'Request no. 1'],
    ['tokens', 'Tokens'],
    ['acme/keys', 'ACME'],
    ['acme/accounts', 'ACME'],
    ['acme/orders', 'ACME'],
    ['audit', 'Audit log'],
  ] as const) {
    await window.goto(path)
    await window.heading(title)
    const labels = await window.page
      .getByRole('main')
      .getByRole('button')
      .evaluateAll((buttons) =>
        buttons.map((button) => button.getAttribute('aria-label') ?? button.textContent),
      )
    expect(
      labels.filter((label) => !/^(Previous|Next|Download as .*|Order No\. \d+)$/.test(label ?? '')),
    ).toEqual([])
    expect(await window.page.getByRole('main').locator('form').count()).toBe(0)
  }
  expect(changes).toEqual([])
  await window.close()
})

test('an approval is narrowed, and a refusal gives its reason', async () => {
  const window = await ConsoleWindow.open(browser, { ca, port })
  const { page } = window
  await window.signIn(await keyOf('operator'))
  await page.getByRole('link', { name: 'Approvals', exact: true }).click()
  await page.getByRole('link', { name: 'No. 1' }).click()
  await window.heading('Request no. 1')
  await page.getByLabel('spiffe://example.test/builds/nightly').uncheck()
  await page.getByLabel('Shorter life').fill('24h')
  await page.getByRole('button', { name: 'Approve' }).click()
  await page.getByText('approved', { exact: true }).waitFor()
  await page.getByRole('link', { name: /^[0-9a-f]{40}$/ }).click()
  await window.heading('spiffe://example.test/builds')
  expect(await page.getByText('spiffe://example.test/builds/nightly').count()).toBe(0)

  await window.goto('approvals/2')
  await window.heading('Request no. 2')
  await page.getByLabel('Reason').fill('Not this one.')
  await page.getByRole('button', { name: 'Refuse' }).click()
  await page.getByText('Not this one.').waitFor()
  await window.close()
})

test('a request that asks for an end says which', async () => {
  const names = { uri: ['spiffe://example.test/hotfix'] }
  const { token } = await ca.token({ profile: 'code-signing', names, ttl: '7d' })
  const csr = csrPem(['uri:spiffe://example.test/hotfix'])
  const body = { csr, profile: 'code-signing', notAfter: new Date(ca.now + 5 * DAY * 1000).toISOString() }
  const { id } = (await ca.call('/v1/certificates', { as: token, body })).json
  const window = await ConsoleWindow.open(browser, { ca, port })
  await window.signIn()
  await window.goto(`approvals/${id}`)
  await window.heading(`Request no. ${id}`)
  await window.page.getByRole('definition').filter({ hasText: 'until' }).getByTitle('in 5 days').waitFor()
  await window.close()
})

test('a token’s secret is shown once, and works', async () => {
  const window = await ConsoleWindow.open(browser, { ca, port })
  const { page } = window
  await window.signIn()
  await page.getByRole('link', { name: 'Tokens', exact: true }).click()
  await page.getByRole('button', { name: 'New token …' }).click()
  await page.getByLabel('Names').fill('made.example.test\nalso.example.test')
  await page.getByRole('button', { name: 'Make the token' }).click()
  const token = await page.getByRole('dialog').locator('code').textContent()
  await page.keyboard.press('Escape')
  await page.getByText('made.example.test, also.example.test').waitFor()
  // The list is there before the dialog is gone.
  await eventually(async () => expect(await page.content()).not.toContain(token!))
  const { serialNumber } = await ca.enrol(csrPem(['dns:made.example.test']), {}, { as: token! })
  expect(serialNumber).toMatch(/^[0-9a-f]{40}$/)

  await page.getByRole('button', { name: 'Revoke token 3' }).click()
  await page.getByRole('button', { name: 'Revoke', exact: true }).last().click()
  await page.getByText('revoked', { exact: true }).waitFor()
  await window.close()
})
