import type TypeBox from 'typebox'

/** Marks that are no part of the JSON Schema, and that neither JSON nor a validator sees. */
const OPTIONAL = '~optional'
const CODEC = '~codec'

type Schema = Record<string, unknown>
type Builders = Pick<
  typeof TypeBox,
  | 'Array'
  | 'Boolean'
  | 'Decode'
  | 'Integer'
  | 'Literal'
  | 'Null'
  | 'Object'
  | 'Optional'
  | 'Partial'
  | 'Record'
  | 'String'
  | 'Union'
  | 'Unknown'
  | 'Unsafe'
  | 'IsArray'
  | 'IsObject'
  | 'IsOptional'
  | 'IsRecord'
>

/**
 * The part of TypeBox that we use, as plain JSON Schemas: its types say what a schema describes, and its 679 modules, which
 * took a fifth of a start and 35 MB, are not loaded.
 */
const Type = {
  String: (options?: Schema) => ({ type: 'string', ...options }),
  Integer: (options?: Schema) => ({ type: 'integer', ...options }),
  Boolean: (options?: Schema) => ({ type: 'boolean', ...options }),
  Null: (options?: Schema) => ({ type: 'null', ...options }),
  Literal: (value: unknown, options?: Schema) => ({ type: typeof value, const: value, ...options }),
  Unknown: (options?: Schema) => ({ ...options }),
  Unsafe: (schema: Schema) => ({ ...schema }),
  Array: (items: Schema, options?: Schema) => ({ type: 'array', items, ...options }),
  Union: (anyOf: readonly Schema[], options?: Schema) => ({ anyOf, ...options }),
  Object(properties: Readonly<Record<string, Schema>>, options?: Schema): Schema {
    const required = Object.keys(properties).filter((key) => !isOptional(properties[key]!))
    return { type: 'object', ...(required.length > 0 && { required }), properties, ...options }
  },
  /** Text that needs no form stands for every key. */
  Record: ({ pattern = '^.*$' }: { readonly pattern?: string }, item: Schema, options?: Schema) => ({
    type: 'object',
    patternProperties: { [pattern]: item },
    ...options,
  }),
  Partial: ({ properties }: { readonly properties: Readonly<Record<string, Schema>> }) => ({
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(properties).map(([key, schema]) => [key, marked(schema, OPTIONAL, true)]),
    ),
  }),
  Optional: (schema: Schema) => marked(schema, OPTIONAL, true),
  Decode: (schema: Schema, decode: (value: unknown) => unknown) => marked(schema, CODEC, decode),
  IsArray: (schema: Schema) => schema.type === 'array',
  IsObject: (schema: Schema) => schema.type === 'object' && 'properties' in schema,
  IsRecord: (schema: Schema) => schema.type === 'object' && 'patternProperties' in schema,
  IsOptional: isOptional,
} as unknown as Builders

export default Type

/** What `Type.Decode` gave the schema. */
export function codecOf(schema: object): ((value: unknown) => unknown) | undefined {
  return (schema as Schema)[CODEC] as ((value: unknown) => unknown) | undefined
}

function isOptional(schema: Schema): boolean {
  return schema[OPTIONAL] === true
}

/** A copy with the mark, and with those that the schema has already. */
function marked(schema: Schema, mark: string, value: unknown): Schema {
  const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema)) as Schema
  return Object.defineProperty(copy, mark, { value, enumerable: false, configurable: true, writable: true })
}
