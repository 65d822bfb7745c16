import { RecentMap } from '../../recent-map.ts'
import type { Connection } from '../connection.ts'
import { unpack } from '../shared-octets.ts'

/** Forms that are remembered; each is as large as a certificate. */
const REMEMBERED = 256

/** How a certificate stands in its row. */
export interface PackedDer {
  readonly der: Buffer
  readonly form: number | null
}

/** Gives the certificate as it was issued. */
export function certificateUnpacker(db: Connection): (row: PackedDer) => Buffer {
  const find = db.prepare<[number], Buffer>('SELECT der FROM certificate_forms WHERE id = ?').pluck()
  // What a reader sees is committed, and such a form never changes.
  const remembered = new RecentMap<number, Buffer>(REMEMBERED)
  return ({ der, form: id }) => {
    if (id === null) return der
    let form = remembered.get(id)
    if (!form) {
      form = find.get(id)
      if (!form) throw new Error(`the store has no form ${id}, of which a certificate is made`)
      remembered.set(id, form)
    }
    return unpack(der, form)
  }
}
