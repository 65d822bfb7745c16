import { Tally } from './tally.ts'

interface Kind {
  readonly tally: Tally
  tell: (count: number) => void
}

/** A tally for each kind of what comes in floods, which is told of by the last of its kind. Kinds must be few. */
export class TallyByKind {
  readonly #kinds = new Map<string, Kind>()

  add(kind: string, tell: (count: number) => void): void {
    const one = this.#kinds.get(kind) ?? this.#make(kind)
    one.tell = tell
    one.tally.add()
  }

  stop(): void {
    for (const { tally } of this.#kinds.values()) tally.stop()
  }

  #make(kind: string): Kind {
    const made: Kind = { tally: new Tally((count) => made.tell(count)), tell: () => {} }
    this.#kinds.set(kind, made)
    return made
  }
}
