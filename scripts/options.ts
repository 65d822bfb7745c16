import { readFile, writeFile } from 'node:fs/promises'
import { AgentOptions } from '../src/agent/schema.ts'
import { fileTable, optionTable } from '../src/config/table.ts'

/** Writes the tables of every option into the documents that have them. With --check it fails if one there differs. */
const BEGIN = '<!-- options: written by "npm run docs" -->\n'
const END = '<!-- end of options -->'

for (const [name, table] of [
  ['configuration', optionTable()],
  ['agent', fileTable(AgentOptions)],
] as const) {
  const file = new URL(`../docs/${name}.md`, import.meta.url)
  const text = await readFile(file, 'utf8')
  const start = text.indexOf(BEGIN) + BEGIN.length
  const end = text.indexOf(END)
  if (start < BEGIN.length || end < start)
    throw new Error(`docs/${name}.md has lost the marks around its table.`)
  const wanted = `${text.slice(0, start)}\n${table}\n${text.slice(end)}`
  if (!process.argv.includes('--check')) await writeFile(file, wanted)
  else if (wanted !== text) {
    console.error(`docs/${name}.md differs from the options: run "npm run docs" and commit the result.`)
    process.exitCode = 1
  }
}
