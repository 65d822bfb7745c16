import { readFile, writeFile } from 'node:fs/promises'
import { optionTable } from '../src/config/table.ts'

/** Writes the table of every option into docs/configuration.md. With --check it fails if the table there differs. */
const FILE = new URL('../docs/configuration.md', import.meta.url)
const BEGIN = '<!-- options: written by "npm run docs" -->\n'
const END = '<!-- end of options -->'

const text = await readFile(FILE, 'utf8')
const start = text.indexOf(BEGIN) + BEGIN.length
const end = text.indexOf(END)
if (start < BEGIN.length || end < start)
  throw new Error('docs/configuration.md has lost the marks around its table.')
const wanted = `${text.slice(0, start)}\n${optionTable()}\n${text.slice(end)}`
if (!process.argv.includes('--check')) await writeFile(FILE, wanted)
else if (wanted !== text) {
  console.error('docs/configuration.md differs from the options: run "npm run docs" and commit the result.')
  process.exitCode = 1
}
