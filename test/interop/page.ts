import { readFileSync } from 'node:fs'

/** The block that follows `<!-- test: name -->` on a page of docs/consumers, so that page and test cannot differ. */
export function block(page: string, name: string): string {
  const text = readFileSync(new URL(`../../docs/consumers/${page}.md`, import.meta.url), 'utf8')
  const [, found] =
    new RegExp(`<!-- test: ${name} -->\\n\`\`\`[a-z]*\\n([\\s\\S]*?)\`\`\`\\n`).exec(text) ?? []
  if (found === undefined) throw new Error(`docs/consumers/${page}.md has no block "${name}"`)
  return found
}

/** The names and places of the page, in those of the test. Each must stand there. */
export function adapted(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((done, [from, to]) => {
    if (!done.includes(from)) throw new Error(`"${from}" does not stand in the block`)
    return done.replaceAll(from, to)
  }, text)
}
