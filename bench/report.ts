import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describeMachine } from './machine.ts'
import type { Section } from './section.ts'

/** A section, and the command that asks its question again. */
export interface Answered {
  readonly section: Section
  readonly command: string
}

const PREFACE = [
  '# Performance',
  'How fast Chancery is, beside others that do the same work: each table is of one run, by one client, with the servers in turns. `npm run bench` writes this page anew; bench/peers/install.sh installs the others first. What is missing is said to be.',
]

/** The whole report as Markdown. `folder` of the figures is relative to the report. */
function renderReport(answers: readonly Answered[], folder: string): string {
  const machine = table(['what', ''], describeMachine())
  const parts = [...PREFACE, '## The machine', machine]
  return `${[...parts, ...answers.map((one) => renderSection(one, folder))].join('\n\n')}\n`
}

export function renderSection({ section, command }: Answered, folder: string): string {
  const { title, text, head, rows, figure } = section
  return [
    `## ${title}`,
    ...text,
    ...(head.length > 0 ? [table(head, rows)] : []),
    ...(figure ? [`![${title}](${folder}/${figure.name})`] : []),
    `Again by \`${command}\`.`,
  ].join('\n\n')
}

/** Writes the report, and its figures into a folder of its own name beside it. */
export async function writeReport(file: string, answers: readonly Answered[]): Promise<void> {
  const folder = file.slice(file.lastIndexOf('/') + 1).replace(/\.md$/, '')
  await mkdir(dirname(file), { recursive: true })
  for (const { section } of answers) {
    if (!section.figure) continue
    await mkdir(join(dirname(file), folder), { recursive: true })
    await writeFile(join(dirname(file), folder, section.figure.name), section.figure.svg)
  }
  await writeFile(file, renderReport(answers, folder))
}

/** Columns of figures are set flush right. */
function table(head: readonly string[], rows: Section['rows']): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
  // The row of a server that is not there ends with the reason.
  const whole = rows.filter((row) => row.length === head.length)
  const isFigure = head.map((_, at) => whole.every((row) => /^[\d.]*$/.test(String(row[at]))))
  return [line(head), line(isFigure.map((right) => (right ? '---:' : '---'))), ...rows.map(line)].join('\n')
}
