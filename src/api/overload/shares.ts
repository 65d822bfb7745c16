/** What several have, of something of which there may be so many in all. */
export class Shares<Item> {
  readonly #byHolder = new Map<string, Set<Item>>()
  readonly #holders = new Map<Item, string>()

  get size(): number {
    return this.#holders.size
  }

  has(item: Item): boolean {
    return this.#holders.has(item)
  }

  [Symbol.iterator](): Iterator<Item> {
    return this.#holders.keys()
  }

  /** `item` may have been another's. */
  add(holder: string, item: Item): void {
    if (this.#holders.get(item) === holder) return
    this.delete(item)
    const items = this.#byHolder.get(holder)
    if (items) items.add(item)
    else this.#byHolder.set(holder, new Set([item]))
    this.#holders.set(item, holder)
  }

  delete(item: Item): void {
    const holder = this.#holders.get(item)
    if (holder === undefined) return
    this.#holders.delete(item)
    const items = this.#byHolder.get(holder)!
    items.delete(item)
    if (items.size === 0) this.#byHolder.delete(holder)
  }

  /**
   * What is to make room for one more, of `holder` if that is known: the oldest of whoever has most, so that nobody who has many keeps
   * others out. Undefined where nobody has two more than the holder.
   */
  mostHeld(holder?: string): Item | undefined {
    let most: Set<Item> | undefined
    for (const items of this.#byHolder.values()) if (items.size > (most?.size ?? 0)) most = items
    const own = (holder !== undefined && this.#byHolder.get(holder)?.size) || 0
    return most && most.size > own + 1 ? most.values().next().value : undefined
  }
}
