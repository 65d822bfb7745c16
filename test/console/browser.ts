import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
  type Request,
} from 'playwright-core'
import { expect } from 'vitest'
import type { TestCa } from '../api/ca-fixture.ts'

/** Debian's. */
const CHROMIUM = process.env.CHANCERY_CHROMIUM ?? '/usr/bin/chromium'

export function launch(): Promise<Browser> {
  // As root it has no sandbox.
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
}

/** What the browser says by itself of answers that the console expects: nobody is signed in, no provider is set up. */
const EXPECTED = /\/v1\/session(?:\/oidc)?$/

/** A browser window at the console of one CA. Whatever the browser complains of ends the test in `close`. */
export class ConsoleWindow {
  readonly page: Page
  readonly #ca: TestCa
  readonly #port: number
  readonly #context: BrowserContext
  readonly #pending = new Set<Request>()
  readonly #complaints: string[] = []

  static async open(
    browser: Browser,
    { ca, port }: { readonly ca: TestCa; readonly port: number },
    options: BrowserContextOptions = {},
  ): Promise<ConsoleWindow> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options })
    // As late as the clock of the CA; time-outs take as long as ever.
    await context.clock.setFixedTime(ca.now)
    return new ConsoleWindow(ca, port, context, await context.newPage())
  }

  private constructor(ca: TestCa, port: number, context: BrowserContext, page: Page) {
    this.#ca = ca
    this.#port = port
    this.#context = context
    this.page = page
    page.setDefaultTimeout(30_000)
    page.on('request', (request) => this.#pending.add(request))
    page.on('requestfinished', (request) => this.#pending.delete(request))
    page.on('requestfailed', (request) => this.#pending.delete(request))
    page.on('pageerror', (error) => this.#complaints.push(error.message))
    // A violation of the content security policy is among these.
    page.on('console', (message) => {
      if (!['error', 'warning'].includes(message.type())) return
      if (!EXPECTED.test(message.location().url)) this.#complaints.push(message.text())
    })
  }

  /** The page at "#/tokens", signed in or not. */
  async goto(path = ''): Promise<void> {
    await this.page.goto(`https://localhost:${this.#port}/console/#/${path}`)
  }

  async signIn(key = this.#ca.adminKey): Promise<void> {
    await this.goto()
    await this.page.getByLabel('Admin key').fill(key)
    await this.page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await this.heading('Overview')
  }

  /** Waits until the page with this title is there, and has what it shows. */
  async heading(title: string): Promise<void> {
    await this.page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor()
    await this.settled()
  }

  /** Nothing is being fetched any more, and what was is shown. Not by `eventually`: the pictures are taken without vitest. */
  async settled(): Promise<void> {
    for (let looks = 0; looks < 1500; looks++) {
      if (this.#pending.size === 0 && (await this.page.getByText('Loading …').count()) === 0) return
      await this.page.waitForTimeout(20)
    }
    throw new Error(`The page waits for ${[...this.#pending].map((request) => request.url())}.`)
  }

  async close(): Promise<void> {
    await this.#context.close()
    expect(this.#complaints).toEqual([])
  }
}
