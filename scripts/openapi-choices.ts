/** What an `anyOf` has, as far as it is a choice of texts. */
interface Alternative {
  readonly type?: string
  readonly enum?: readonly string[]
}

/**
 * Says each choice among texts by one `enum`. The schemas say it by an `anyOf` of single values, for which ogen leaves the whole operation
 * out, and oapi-codegen makes a type that has to be asked for one value after the other.
 */
export function joinChoices(node: unknown): void {
  if (typeof node !== 'object' || node === null) return
  const { anyOf } = node as { anyOf?: readonly Alternative[] }
  if (anyOf?.every((one) => one.type === 'string' && one.enum)) {
    Reflect.deleteProperty(node, 'anyOf')
    Object.assign(node, { type: 'string', enum: anyOf.flatMap((one) => one.enum ?? []) })
  }
  // Of an enum of booleans openapi-generator makes Java that does not compile. Its description says which it may be.
  if ((node as Alternative).type === 'boolean') Reflect.deleteProperty(node, 'enum')
  for (const value of Object.values(node)) joinChoices(value)
}
