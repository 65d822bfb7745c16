/**
 * Octets that stand in the column of one row and in a hundred thousand others are kept once, in a form: the certificates of one
 * profile differ in serial number, times, names, key and signature, less than half of them. What remains of a row is a list of
 * pieces, in turn octets of its own (their number, then they themselves) and a copy from the form (how many, from where), after the
 * length of the whole. Numbers are base 128, the lowest digits first, with the top bit where more follow.
 */

/** What a copy must have for the two numbers that name it. */
const SHORTEST_COPY = 8
/** How far after a difference the same octets are looked for at the same distance: beyond a public key of P-384. */
const NEAR = 112

interface Copy {
  readonly at: number
  readonly place: number
}

/** A form, ready to pack by. */
export class Form {
  readonly octets: Buffer
  /** Where in the form each run of eight octets stands first. */
  readonly #places = new Map<number, number>()

  constructor(octets: Buffer) {
    this.octets = octets
    for (let at = 0; at + SHORTEST_COPY <= octets.length; at++) {
      const run = runAt(octets, at)
      if (!this.#places.has(run)) this.#places.set(run, at)
    }
  }

  pack(octets: Buffer): Buffer {
    const packed = Buffer.allocUnsafe(octets.length * 2 + 16)
    let end = writeNumber(packed, 0, octets.length)
    let own = 0 // where the octets begin that are in no copy yet
    let place = 0 // of the form, at the same distance from `own` as the last copy had
    for (let at = 0; at + SHORTEST_COPY <= octets.length; ) {
      const copy = (at === own && this.#near(octets, at, place)) || this.#anywhere(octets, at)
      if (!copy) {
        at++
        continue
      }
      const length = this.#common(octets, copy.at, copy.place)
      end = writeOwn(packed, end, octets.subarray(own, copy.at))
      end = writeNumber(packed, writeNumber(packed, end, length), copy.place)
      at = own = copy.at + length
      place = copy.place + length
    }
    return packed.subarray(0, writeOwn(packed, end, octets.subarray(own)))
  }

  /** The next octets that the form has at the same distance as before: after a serial number or a key, which have one length. */
  #near(octets: Buffer, at: number, place: number): Copy | undefined {
    const steps = Math.min(
      NEAR,
      octets.length - SHORTEST_COPY - at,
      this.octets.length - SHORTEST_COPY - place,
    )
    for (let step = 0; step <= steps; step++) {
      if (same(octets, at + step, this.octets, place + step)) return { at: at + step, place: place + step }
    }
    return undefined
  }

  #anywhere(octets: Buffer, at: number): Copy | undefined {
    const place = this.#places.get(runAt(octets, at))
    return place !== undefined && same(octets, at, this.octets, place) ? { at, place } : undefined
  }

  #common(octets: Buffer, at: number, place: number): number {
    const most = Math.min(octets.length - at, this.octets.length - place)
    let length = SHORTEST_COPY
    while (length < most && octets[at + length] === this.octets[place + length]) length++
    return length
  }
}

/** What `pack` was given. Throws where the two do not belong together, rather than give octets that never were. */
export function unpack(packed: Buffer, form: Buffer): Buffer {
  const reader = { packed, at: 0 }
  const octets = Buffer.allocUnsafe(readNumber(reader))
  let length = 0
  while (reader.at < packed.length) {
    const own = readNumber(reader)
    if (reader.at + own > packed.length || length + own > octets.length) throw broken()
    packed.copy(octets, length, reader.at, reader.at + own)
    reader.at += own
    length += own
    if (reader.at >= packed.length) break
    const copied = readNumber(reader)
    const place = readNumber(reader)
    if (place + copied > form.length || length + copied > octets.length) throw broken()
    form.copy(octets, length, place, place + copied)
    length += copied
  }
  if (length !== octets.length) throw broken()
  return octets
}

/** Only finds places: who asks compares the octets. */
function runAt(octets: Buffer, at: number): number {
  return Math.imul(octets.readInt32LE(at), 0x9e3779b1) ^ octets.readInt32LE(at + 4)
}

function same(a: Buffer, at: number, b: Buffer, place: number): boolean {
  for (let i = 0; i < SHORTEST_COPY; i++) if (a[at + i] !== b[place + i]) return false
  return true
}

function writeOwn(packed: Buffer, end: number, own: Buffer): number {
  const start = writeNumber(packed, end, own.length)
  packed.set(own, start)
  return start + own.length
}

function writeNumber(packed: Buffer, at: number, number: number): number {
  let rest = number
  let end = at
  for (; rest > 0x7f; rest >>>= 7) packed[end++] = (rest & 0x7f) | 0x80
  packed[end++] = rest
  return end
}

function readNumber(reader: { readonly packed: Buffer; at: number }): number {
  let number = 0
  for (let shift = 0; shift < 28; shift += 7) {
    const octet = reader.packed[reader.at++]
    if (octet === undefined) break
    number |= (octet & 0x7f) << shift
    if (octet < 0x80) return number
  }
  throw broken()
}

function broken(): Error {
  return new Error('the store holds octets that do not belong to their form')
}
