import type { TSchema } from 'typebox'
import { CaError } from '../errors.ts'
import Type from '../schema/build.ts'
import { isMap, isValid as isValidValue } from '../schema/value.ts'
import { parseDuration } from './duration.ts'
import { nearest } from './nearest.ts'

/** JSON Schema keywords, and our own from `option.ts`, that leaves of the schema may have. */
interface Keywords {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly wanted?: string
  readonly duration?: { readonly minimum: number }
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly uniqueItems?: boolean
  readonly maxLength?: number
}

/**
 * The sentences that say what is wrong with `value`: unknown keys with the nearest known one, wrong values
 * with their path and what is wanted. Absent keys are fine, since defaults and other layers fill them in.
 */
export function faults(schema: TSchema, value: unknown, path: string): string[] {
  if (Type.IsObject(schema)) return objectFaults(schema.properties, value, path)
  if (Type.IsRecord(schema)) return recordFaults(schema, value, path)
  if (Type.IsArray(schema)) return arrayFaults(schema, value, path)
  return isValid(schema, value) ? [] : [`${path} must be ${wanted(schema)}, and is ${shown(value)}.`]
}

function objectFaults(properties: Record<string, TSchema>, value: unknown, path: string): string[] {
  if (!isMap(value)) return [`${path || 'The file'} must be a map of options, and is ${shown(value)}.`]
  return Object.entries(value).flatMap(([key, part]) => {
    const known = Object.hasOwn(properties, key) ? properties[key] : undefined
    if (known) return faults(known, part, join(path, key))
    const guess = nearest(key, Object.keys(properties))
    const hint = guess
      ? `; did you mean "${join(path, guess)}"?`
      : `. Known here: ${Object.keys(properties).join(', ')}.`
    return [`"${join(path, key)}" is not a known option${hint}`]
  })
}

function recordFaults(schema: TSchema, value: unknown, path: string): string[] {
  if (!isMap(value)) return [`${path} must be a map from names to options, and is ${shown(value)}.`]
  const [pattern, item] = Object.entries(
    (schema as { patternProperties: Record<string, TSchema> }).patternProperties,
  )[0]!
  return Object.entries(value).flatMap(([key, part]) =>
    new RegExp(pattern).test(key)
      ? faults(item, part, join(path, key))
      : [
          `"${join(path, key)}": a name must have lower-case letters, digits and hyphens, a letter first, 63 at most.`,
        ],
  )
}

function arrayFaults(schema: TSchema & { items: TSchema }, value: unknown, path: string): string[] {
  const { minItems = 0, uniqueItems } = schema as Keywords
  if (!Array.isArray(value)) return [`${path} must be a list, and is ${shown(value)}.`]
  const found = value.flatMap((item, index) => faults(schema.items, item, `${path}[${index}]`))
  if (value.length < minItems) found.push(`${path} must not be empty.`)
  if (uniqueItems && new Set(value).size < value.length) found.push(`${path} has a value twice.`)
  return found
}

function isValid(schema: TSchema, value: unknown): boolean {
  const { duration } = schema as Keywords
  if (!duration) return isValidValue(schema, value)
  if (typeof value !== 'string' && typeof value !== 'number') return false
  try {
    return parseDuration(value) >= duration.minimum
  } catch (error) {
    if (error instanceof CaError) return false
    throw error
  }
}

/** What a leaf of the schema takes, in words that follow "must be". */
export function wanted(schema: TSchema): string {
  const { wanted: words, enum: values, type, minimum, maximum, maxLength } = schema as Keywords
  if (words) return words
  if (values) return `one of ${values.join(', ')}`
  if (type === 'boolean') return 'true or false'
  if (type === 'integer') return `a whole number from ${minimum} to ${maximum}`
  return maxLength ? `text of at most ${maxLength} characters` : 'text'
}

function join(path: string, key: string): string {
  return path ? `${path}.${key}` : key
}

/** The value as the message quotes it, short. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return 'empty'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
