const SMALLEST = 64

/**
 * What waits, by numbers in the order in which it came. A Map would do, but for V8's collection of young garbage: each table that a
 * Map has outgrown leads to the next one, so once one of them is old, what any of them held counts as alive, and all it leads to.
 */
export class Tickets<Value extends object> {
  /** Of a power of two of slots: a ticket's is that of its lowest bits. */
  #slots: (Value | null)[] = emptySlots(SMALLEST)
  /** What stands in front, if anything does; else the next. */
  #oldest = 1
  #next = 1
  #size = 0

  get size(): number {
    return this.#size
  }

  /** What has waited for the longest. */
  get oldest(): Value | null {
    return this.#slots[this.#slotOf(this.#oldest)]!
  }

  /** The ticket of what waits now. */
  add(value: Value): number {
    if (this.#next - this.#oldest === this.#slots.length) this.#grow()
    this.#slots[this.#slotOf(this.#next)] = value
    this.#size++
    return this.#next++
  }

  /** What has the ticket, which waits no longer; null where it did not. */
  take(ticket: number): Value | null {
    if (ticket < this.#oldest || ticket >= this.#next) return null
    const slot = this.#slotOf(ticket)
    const value = this.#slots[slot]!
    if (value === null) return null
    this.#slots[slot] = null
    this.#size--
    while (this.#oldest < this.#next && this.oldest === null) this.#oldest++
    return value
  }

  /** All that waits, in order, and waits no longer. */
  takeAll(): Value[] {
    const all: Value[] = []
    while (this.#size > 0) all.push(this.take(this.#oldest)!)
    return all
  }

  #slotOf(ticket: number): number {
    return ticket & (this.#slots.length - 1)
  }

  #grow(): void {
    const before = this.#slots
    this.#slots = emptySlots(before.length * 2)
    for (let ticket = this.#oldest; ticket < this.#next; ticket++) {
      this.#slots[this.#slotOf(ticket)] = before[ticket & (before.length - 1)]!
    }
  }
}

function emptySlots(many: number): null[] {
  return new Array<null>(many).fill(null)
}
