import { type Options, readOptions } from './options.ts'
import { acme } from './questions/acme.ts'
import { crlSection } from './questions/crl.ts'
import { growth } from './questions/growth.ts'
import { issuance } from './questions/issuance.ts'
import { ocsp } from './questions/ocsp.ts'
import { overload } from './questions/overload.ts'
import { start } from './questions/start.ts'
import { type Answered, renderSection, writeReport } from './report.ts'
import type { Section } from './section.ts'
import { unlessMissing } from './tools.ts'

/**
 * `npm run bench` asks every question and writes the report; `npm run bench -- issuance ocsp` asks these and prints the
 * answers. Each is asked again by the command that stands below its table.
 */
const QUESTIONS: Readonly<Record<string, (options: Options) => Promise<Section>>> = {
  issuance,
  acme,
  ocsp,
  start,
  overload,
  crl: ({ long }) =>
    crlSection({ entries: long ? [10_000, 100_000, 1_000_000] : [100_000, 1_000_000], issued: 5000 }),
  growth: ({ long }) => growth(long ? { rows: [0, 1_000_000, 10_000_000] } : {}),
}

const options = readOptions(Object.keys(QUESTIONS))
const answers: Answered[] = []
for (const name of options.names) {
  const started = performance.now()
  const answer = await unlessMissing(QUESTIONS[name]!(options))
  // Where the client itself is missing there is nothing to be shown, but the other questions have their answers.
  const section = typeof answer === 'string' ? { title: name, text: [answer], head: [], rows: [] } : answer
  const command = ['npm run bench --', name, ...options.given].join(' ')
  answers.push({ section, command })
  console.log(`${renderSection(answers.at(-1)!, 'performance')}\n`)
  console.error(`${name}: ${((performance.now() - started) / 1000).toFixed(0)} s`)
}
if (options.report !== undefined) await writeReport(options.report, answers)
