import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serviceRegistry } from '../../../src/api/metrics/service-registry.ts'
import { runTool, toolIsMissing } from '../../pki/external-tool.ts'
import { newWebhookSecret } from '../../webhooks/receiver.ts'
import { TestCa } from '../ca-fixture.ts'
import { csrPem } from '../requests.ts'

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
const rules = {
  'alerts.yml': read('deploy/prometheus/alerts.yml'),
  'alerts.test.yml': read('deploy/prometheus/alerts.test.yml'),
  'scrape.yml': read('deploy/prometheus/scrape.yml'),
}
interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}
const dashboard = JSON.parse(read('deploy/grafana/chancery.json')) as { panels: readonly Panel[] }
const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

/** One metric as the registry has it. */
interface Described {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly labelNames: readonly string[]
}

const folder = mkdtempSync(join(tmpdir(), 'chancery-deployed-'))
let ca: TestCa
let metrics: readonly Described[]
beforeAll(async () => {
  const secretFile = join(folder, 'secret')
  writeFileSync(secretFile, newWebhookSecret(), { mode: 0o600 })
  const webhooks = [{ url: 'http://127.0.0.1:9', secretFile }]
  ca = await TestCa.create({ options: { crl: { delta: true, partitions: 2 }, webhooks } })
  metrics = serviceRegistry(ca.service).getMetricsAsArray() as unknown as readonly Described[]
})
afterAll(async () => {
  await ca.close()
  rmSync(folder, { recursive: true })
})

test('docs/metrics.md has every metric, with its type, its labels and its own words, and no other', () => {
  const rows = read('docs/metrics.md')
    .split('\n')
    .filter((line) => /^\| `\w+` \| (counter|gauge|histogram) \|/.test(line))
  const labels = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ')
  expect(rows).toEqual(
    metrics.map(({ name, type, labelNames, help }) =>
      `| \`${name}\` | ${type} | ${labels(labelNames)} | ${help} |`.replace('|  |', '| |'),
    ),
  )
})

test('alerts and dashboard ask for metrics that there are, by labels that they have', () => {
  const asked = [...expressions, ...rules['alerts.yml'].split('\n').filter((line) => /^ +expr:/.test(line))]
  expect(asked.length).toBeGreaterThan(60)
  for (const expression of asked) {
    const uses = [...expression.matchAll(/\b((?:chancery|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)]
    for (const [, name, selectors = ''] of uses) {
      const metric = metrics.find((one) => one.name === name!.replace(/_(bucket|sum|count)$/, ''))
      const whole = metrics.find((one) => one.name === name)
      expect(metric ?? whole, name).toBeDefined()
      const labels = [...selectors.matchAll(/(\w+)(?:=|!)/g)].map(([, label]) => label!)
      for (const label of labels)
        expect([...(metric ?? whole)!.labelNames, 'job', 'instance'], `${name}{${label}}`).toContain(label)
    }
  }
})

test('every metric of our own is on the dashboard', () => {
  const all = expressions.join(' ')
  expect(metrics.map(({ name }) => name).filter((name) => !all.includes(name))).toEqual([])
})

// Thousands of evaluations, on a machine that may be busy.
describe.skipIf(toolIsMissing('promtool'))('promtool', { timeout: 60_000 }, () => {
  test('reads the alerts and the way to reach the service, and finds that the alerts do what they say', () => {
    expect(runTool('promtool', ['check', 'rules', 'alerts.yml'], rules)).toMatch(/SUCCESS: \d+ rules found/)
    expect(runTool('promtool', ['check', 'config', 'scrape.yml'], rules)).toMatch(/scrape\.yml is valid/)
    expect(runTool('promtool', ['test', 'rules', 'alerts.test.yml'], rules)).toMatch(/SUCCESS/)
  })

  test('reads every expression of the dashboard', () => {
    const filled = expressions.map((expr) =>
      expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, '.*'),
    )
    const groups = [{ name: 'dashboard', rules: filled.map((expr, i) => ({ record: `panel:${i}`, expr })) }]
    const checked = runTool('promtool', ['check', 'rules', 'dashboard.json'], {
      'dashboard.json': JSON.stringify({ groups }),
    })
    expect(checked).toContain(`SUCCESS: ${expressions.length} rules found`)
  })

  test('finds nothing to blame in what the service shows', async () => {
    await ca.enrol(csrPem(['dns:a.example.test']))
    await ca.call('/ocsp', { as: null, body: Buffer.from('nothing') }, ca.http)
    const { text } = await ca.call('/metrics')
    expect(text).toContain('kind="partition full"')
    // It reads standard input alone, and its exit status tells of complaints too.
    expect(runTool('sh', ['-c', 'promtool check metrics < metrics.txt 2>&1'], { 'metrics.txt': text })).toBe(
      '',
    )
  })
})
