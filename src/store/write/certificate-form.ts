import type { Connection } from '../connection.ts'
import { Form, unpack } from '../shared-octets.ts'
import { memoryOf } from './memory.ts'

/** Forms of one authority and profile: what resembles none of so many is kept whole. */
const MOST_FORMS = 16
/** How many of them, the newest, are tried. */
const TRIED = 4
/** Octets that a form must save. */
const WORTH = 128

export interface KeptForm {
  readonly id: number
  readonly form: Form
}

/** How a certificate stands in its row. */
export interface StoredDer {
  readonly form: number | null
  readonly der: Uint8Array
}

/** Packs certificates by the form of their authority and profile, and makes a form where there is none that fits. */
export function certificatePacker(
  db: Connection,
): (authority: number, profile: number, der: Uint8Array) => StoredDer {
  const newest = db.prepare<[number, number, number], { id: number; der: Buffer }>(
    'SELECT id, der FROM certificate_forms WHERE authority = ? AND profile = ? ORDER BY id DESC LIMIT ?',
  )
  const count = db
    .prepare<[number, number], number>(
      'SELECT count(*) FROM certificate_forms WHERE authority = ? AND profile = ?',
    )
    .pluck()
  const insert = db
    .prepare<[number, number, Buffer], number>(
      'INSERT INTO certificate_forms (authority, profile, der) VALUES (?, ?, ?) RETURNING id',
    )
    .pluck()

  function formsOf(authority: number, profile: number): KeptForm[] {
    const kind = `${authority} ${profile}`
    const remembered = memoryOf(db).forms
    const known = remembered.get(kind)
    if (known) return known
    const rows = newest.all(authority, profile, TRIED)
    const forms = rows.map(({ id, der }) => ({ id, form: new Form(der) }))
    remembered.set(kind, forms)
    return forms
  }

  return (authority, profile, given) => {
    const der = Buffer.from(given.buffer, given.byteOffset, given.byteLength)
    const whole = { form: null, der }
    if (der.length < 2 * WORTH) return whole
    const forms = formsOf(authority, profile)
    for (const one of forms) {
      const packed = packedBy(one, der)
      if (packed) return packed
    }
    if ((count.get(authority, profile) ?? 0) >= MOST_FORMS) return whole
    const made = { id: insert.get(authority, profile, der)!, form: new Form(Buffer.from(der)) }
    forms.unshift(made)
    forms.splice(TRIED)
    return packedBy(made, der) ?? whole
  }
}

function packedBy({ id, form }: KeptForm, der: Buffer): StoredDer | null {
  const packed = form.pack(der)
  // Read back before it is trusted: this is the one copy of the certificate.
  const fits = der.length - packed.length >= WORTH && unpack(packed, form.octets).equals(der)
  return fits ? { form: id, der: packed } : null
}
