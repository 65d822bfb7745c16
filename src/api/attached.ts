/** What is attached to objects of others, requests and sockets, for as long as they live. */
export interface Attached<Holder extends object, Value> {
  get(holder: Holder): Value | undefined
  set(holder: Holder, value: Value): void
}

/**
 * By a property of its own. A WeakMap would hold what leads back to its key, as all about a request does, until V8 looks at
 * everything: a collection of the young generation takes the values of a map that is old for alive. `what` is shown by debuggers.
 */
export function attached<Holder extends object, Value>(what: string): Attached<Holder, Value> {
  const key = Symbol(what)
  return {
    get: (holder) => (holder as { [key]?: Value })[key],
    set(holder, value) {
      ;(holder as { [key]?: Value })[key] = value
    },
  }
}
