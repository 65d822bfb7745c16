import type { StaticDecode, TSchema } from 'typebox'
import Type, { codecOf } from './build.ts'

/** JSON Schema keywords of a single value. */
interface Keywords {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
}

/** Whether one text, whole number or truth value, not a list or a map, is what the schema says. */
export function isValid(schema: TSchema, value: unknown): boolean {
  const { type, enum: values, ...bounds } = schema as Keywords
  if (values && !values.includes(value)) return false
  if (type === 'string') return typeof value === 'string' && isText(bounds, value)
  if (type === 'boolean') return typeof value === 'boolean'
  if (type !== 'integer') throw new TypeError(`A value of type ${type} cannot be checked here.`)
  const { minimum = -Infinity, maximum = Infinity } = bounds
  return Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum
}

function isText({ pattern, minLength = 0, maxLength = Infinity }: Keywords, text: string): boolean {
  const { length } = [...text]
  if (length < minLength || length > maxLength) return false
  return pattern === undefined || new RegExp(pattern, 'u').test(text)
}

/** A copy with defaults in the place of keys that are absent, at every depth of objects. */
export function withDefaults(schema: TSchema, value: unknown): unknown {
  if (value === undefined) {
    const { default: fallback } = schema as { default?: unknown }
    return fallback === undefined ? undefined : withDefaults(schema, fallback)
  }
  if (Type.IsArray(schema) && Array.isArray(value)) {
    return value.map((item) => withDefaults(schema.items as TSchema, item))
  }
  if (!isMap(value)) return value
  if (Type.IsRecord(schema)) {
    return mapped(value, (_, part) => withDefaults(itemOf(schema), part))
  }
  if (!Type.IsObject(schema)) return structuredClone(value)
  const { properties } = schema
  return mapped({ ...absent(properties), ...value }, (key, part) =>
    Object.hasOwn(properties, key) ? withDefaults(properties[key]!, part) : part,
  )
}

/**
 * What the program works with: defaults filled in, values decoded, keys that the schema does not know left out. `value` has
 * been checked, but for keys that it lacks: TypeError.
 */
export function decode<Schema extends TSchema>(schema: Schema, value: unknown): StaticDecode<Schema> {
  return decoded(schema, withDefaults(schema, value), '') as StaticDecode<Schema>
}

function decoded(schema: TSchema, value: unknown, path: string): unknown {
  const codec = codecOf(schema)
  if (codec) return codec(value)
  if (Type.IsArray(schema) && Array.isArray(value)) {
    return value.map((item) => decoded(schema.items as TSchema, item, path))
  }
  if (!isMap(value)) return value
  if (Type.IsRecord(schema))
    return mapped(value, (key, part) => decoded(itemOf(schema), part, `${path}.${key}`))
  if (!Type.IsObject(schema)) return value
  const known = Object.entries(schema.properties).flatMap(([key, property]) => {
    const part = value[key]
    if (part !== undefined) return [[key, decoded(property, part, `${path}.${key}`)]]
    if (Type.IsOptional(property)) return []
    throw new TypeError(`${path}.${key} is missing.`)
  })
  return Object.fromEntries(known)
}

function itemOf(schema: TSchema): TSchema {
  return Object.values(
    (schema as unknown as { patternProperties: Record<string, TSchema> }).patternProperties,
  )[0]!
}

function absent(properties: Readonly<Record<string, TSchema>>): Record<string, undefined> {
  return Object.fromEntries(Object.keys(properties).map((key) => [key, undefined]))
}

function mapped(
  value: Readonly<Record<string, unknown>>,
  change: (key: string, part: unknown) => unknown,
): Record<string, unknown> {
  const parts = Object.entries(value).map(([key, part]) => [key, change(key, part)] as const)
  return Object.fromEntries(parts.filter(([, part]) => part !== undefined))
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
