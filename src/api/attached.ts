/** What is attached to objects of others, requests and sockets, for as long as they live. */
export interface Attached<Holder extends object, Value> {
  get(holder: Holder): Value | undefined
  set(holder: Holder, value: Value): void
}

/**
 * By a property of the holder. A WeakMap would do, but for V8's collection of young garbage: it takes the values of a map that is old
 * for alive, and with one that leads back to its key, as most that is known of a request does, the key too. `what` is shown by debuggers.
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
