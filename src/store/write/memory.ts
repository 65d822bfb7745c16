import { RecentMap } from '../../recent-map.ts'
import type { Connection } from '../connection.ts'
import type { KeptForm } from './certificate-form.ts'

/** The end of the audit log's chain. */
export interface ChainEnd {
  /** Of the newest audit row; 0 before the first. */
  readonly id: number
  /** Hexadecimal. */
  readonly hash: string
}

/** Rows that never change, and the end of the chain: looking for them is a fifth of what it takes to record a certificate. */
interface Memory {
  chainEnd: ChainEnd | null
  /** Keys of words, and of authorities by their id. */
  readonly words: Map<string, number>
  readonly authorities: Map<string, number>
  /** Of an authority and a profile, the newest first: about 100 KB. */
  readonly forms: RecentMap<string, KeptForm[]>
}

/** Pairs of authority and profile whose forms are remembered. */
const FORMS_OF = 64

const memories = new WeakMap<Connection, Memory>()

/** What the one connection that writes remembers. Ask for it each time: what was undone is forgotten with all the rest. */
export function memoryOf(db: Connection): Memory {
  let memory = memories.get(db)
  if (!memory) {
    memory = { chainEnd: null, words: new Map(), authorities: new Map(), forms: new RecentMap(FORMS_OF) }
    memories.set(db, memory)
  }
  return memory
}

/** After a command or a transaction was undone: what it wrote may be remembered. */
export function forgetUndone(db: Connection): void {
  memories.delete(db)
}
