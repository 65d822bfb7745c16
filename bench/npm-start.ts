import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** How `npm start` of a checkout runs the service: what it sets for glibc, and its flags of Node. */
export function npmStart(checkout: string): {
  environment: Readonly<Record<string, string>>
  flags: readonly string[]
} {
  const { start } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')).scripts
  const [, settings = '', flags] = /^((?:\w+=\S+ )*)exec node (.*) bin\/chancery\.js serve$/.exec(start) ?? []
  if (flags === undefined)
    throw new Error(`${checkout}: its script "start" is not what is expected: ${start}`)
  return {
    environment: Object.fromEntries(
      settings
        .trim()
        .split(' ')
        .map((setting) => setting.split('=') as [string, string]),
    ),
    flags: flags.split(' '),
  }
}
