import type { TSchema } from 'typebox'
import Type from '../schema/build.ts'
import { wanted } from './check.ts'
import { ENVIRONMENT_ONLY } from './environment.ts'
import { FileOptions } from './schema.ts'

interface Row {
  readonly name: string
  readonly env: string
  readonly value: string
  readonly fallback: string
  readonly meaning: string
}

/** Every option as a Markdown table, for docs/configuration.md. */
export function optionTable(): string {
  const rows = [
    ...ENVIRONMENT_ONLY.map(({ env, default: fallback, description }) => ({
      name: '',
      env,
      value: 'text',
      fallback,
      meaning: description,
    })),
    ...rowsOf(FileOptions, ''),
  ]
  const lines = rows.map(({ name, env, value, fallback, meaning }) =>
    [code(name), code(env), value, code(fallback), meaning]
      .map((cell) => cell.replaceAll('|', '\\|'))
      .join(' | '),
  )
  return ['Option | Environment | Value | Default | Meaning', '--- | --- | --- | --- | ---', ...lines]
    .map((line) => `| ${line} |\n`)
    .join('')
}

/** The options of another file, which have no environment variables: for docs/agent.md. */
export function fileTable(schema: TSchema): string {
  const lines = rowsOf(schema, '').map(({ name, value, fallback, meaning }) =>
    [code(name), value, code(fallback), meaning].map((cell) => cell.replaceAll('|', '\\|')).join(' | '),
  )
  return ['Option | Value | Default | Meaning', '--- | --- | --- | ---', ...lines]
    .map((line) => `| ${line} |\n`)
    .join('')
}

/** One row for each leaf; the options of a profile stand under `profiles.<name>`. */
function rowsOf(schema: TSchema, path: string, inProfile = false): Row[] {
  if (Type.IsObject(schema)) {
    return Object.entries(schema.properties).flatMap(([key, property]) =>
      rowsOf(property, path ? `${path}.${key}` : key, inProfile),
    )
  }
  // The same options as for all authorities, so that a row for each would say everything twice.
  if (schema === FileOptions.properties.authorities) {
    const { description } = schema as unknown as { description: string }
    return ['ocsp', 'crl'].map((part) => ({
      name: `${path}.<id>.${part}.<option>`,
      env: '',
      value: `as \`${part}.<option>\``,
      fallback: '',
      meaning: description,
    }))
  }
  if (Type.IsRecord(schema)) {
    const [item] = Object.values(
      (schema as unknown as { patternProperties: Record<string, TSchema> }).patternProperties,
    )
    return rowsOf(item!, `${path}.<name>`, schema === FileOptions.properties.profiles)
  }
  if (Type.IsArray(schema) && Type.IsObject(schema.items)) return rowsOf(schema.items, `${path}[]`)
  const {
    env = '',
    description = '',
    default: fallback,
  } = schema as { env?: string; description?: string; default?: unknown }
  const required = inProfile && fallback === undefined && !Type.IsOptional(schema)
  return [
    {
      name: path,
      env,
      value: Type.IsArray(schema) ? `list; each ${wanted(schema.items as TSchema)}` : wanted(schema),
      fallback:
        fallback === undefined ? '' : typeof fallback === 'string' ? fallback : JSON.stringify(fallback),
      meaning: required ? `${description} A new profile must give it or extend another.` : description,
    },
  ]
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``
}
