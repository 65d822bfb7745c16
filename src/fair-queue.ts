/** First in, first out for each owner, and the owners by turns: who has much to do does not hold up who has little. */
export class FairQueue<Item> {
  /** In the order of their turns. */
  readonly #byOwner = new Map<string, Item[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** What `shift` would give. */
  get first(): Item | undefined {
    return this.#byOwner.values().next().value?.[0]
  }

  push(owner: string, item: Item): void {
    const items = this.#byOwner.get(owner)
    if (items) items.push(item)
    else this.#byOwner.set(owner, [item])
    this.#size++
  }

  shift(): Item | undefined {
    const next = this.#byOwner.entries().next().value
    if (!next) return undefined
    const [owner, items] = next
    const item = items.shift()!
    this.#byOwner.delete(owner)
    if (items.length > 0) this.#byOwner.set(owner, items)
    this.#size--
    return item
  }

  /** Takes out the newest of whoever has most, so that there is room for one of this owner; undefined where nobody has two more. */
  takeFromMost(owner: string): Item | undefined {
    let most: Item[] = []
    for (const items of this.#byOwner.values()) if (items.length > most.length) most = items
    const own = this.#byOwner.get(owner)?.length ?? 0
    if (most.length <= own + 1) return undefined
    this.#size--
    return most.pop()
  }
}
