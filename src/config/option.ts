import Type from '../schema/build.ts'
import { DURATION_FORM, parseDuration } from './duration.ts'

/** What stands beside each option in the schema: the documentation table is made of it. */
export interface Documented {
  /** One sentence for the table. */
  description: string
  /** The environment variable that sets it, which goes before the file. */
  env?: string
  /** What a valid value looks like, where the schema alone does not say it: it follows "must be". */
  wanted?: string
}

/** A duration in the file (text, or whole seconds), a number of seconds once decoded. */
export function duration(options: Documented & { default?: string; minimum?: number }) {
  const { minimum = 1, ...rest } = options
  const schema = Type.Unsafe<string | number>({
    ...rest,
    wanted: minimum > 1 ? `${DURATION_FORM}, of at least ${minimum} seconds` : DURATION_FORM,
    duration: { minimum },
  })
  return Type.Decode(schema, (value): number => parseDuration(value as string | number))
}

/** Text out of a fixed list. */
export function choice<const Values extends readonly string[]>(
  values: Values,
  options: Documented & { default?: Values[number] },
) {
  return Type.Unsafe<Values[number]>({ type: 'string', enum: [...values], ...options })
}

/** A list of texts out of a fixed list, each at most once. */
export function choices<const Values extends readonly string[]>(
  values: Values,
  options: Documented & { default?: readonly Values[number][]; minItems?: number },
) {
  const item = Type.Unsafe<Values[number]>({ type: 'string', enum: [...values] })
  return Type.Array(item, { uniqueItems: true, ...options })
}

/** A list of texts that each match a pattern. */
export function texts(
  options: Documented & { pattern: string; default?: readonly string[]; minItems?: number },
) {
  const { pattern, wanted, ...rest } = options
  return Type.Array(Type.String({ pattern, wanted }), { uniqueItems: true, ...rest })
}

export function flag(options: Documented & { default: boolean }) {
  return Type.Boolean({ ...options })
}
