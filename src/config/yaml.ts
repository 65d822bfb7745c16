import { createRequire } from 'node:module'
import { CaError } from '../errors.ts'

/** YAML 1.2, each key once. An empty document is no options. `file` is what the `CaError` "badConfiguration" names. */
export function parseYaml(text: string, file: string): unknown {
  // Loaded where there is a file to read, and at once, since so is the configuration.
  const { parseDocument } = createRequire(import.meta.url)('yaml') as typeof import('yaml')
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: true, strict: true })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem) {
    const [said = ''] = problem.message.split('\n')
    // The parser advises its caller, who is a program; and ends in a colon, after which it shows the lines.
    const meant = said.replace(
      /^Source contains multiple.*YAML\.\w+\(\)/,
      'Only one document may be in it; another begins',
    )
    throw new CaError('badConfiguration', `${file}: ${meant.replace(/:$/, '')}.`)
  }
  try {
    return document.toJS()
  } catch (error) {
    // Aliases that multiply into more than the parser's bound.
    throw new CaError('badConfiguration', `${file}: ${(error as Error).message}.`, { cause: error })
  }
}
