import { Readable } from 'node:stream'

/**
 * Octets of bodies that were overtaken and are still being read: whoever reads slowly keeps all of one in memory, and each
 * revocation makes another of up to some 50 MB.
 */
const MOST_OVERTAKEN = 256 * 1024 * 1024

/** Octets of a body that are given out at once. */
export const SLICE: number = 64 * 1024

interface Reading {
  readonly readers: Set<Readable>
  readonly isCurrent: () => boolean
}

/** Long bodies on their way to clients. Beyond a bound those are cut off who read what was overtaken, from the oldest on. */
export class LongBodies {
  /** By the memory in which the body lies, or the part of it that is asked for; the one that was begun first is first. */
  readonly #readings = new Map<ArrayBufferLike, Reading>()

  /** `isCurrent`: whether the body is kept anyway, since it is what everybody gets. */
  read(body: Buffer, isCurrent: () => boolean): Readable {
    const stream = Readable.from(slicesOf(body), { objectMode: false })
    const known = this.#readings.get(body.buffer)
    const { readers } = known ?? this.#begin(body.buffer, isCurrent)
    readers.add(stream)
    stream.once('close', () => {
      readers.delete(stream)
      if (readers.size === 0) this.#readings.delete(body.buffer)
    })
    return stream
  }

  #begin(memory: ArrayBufferLike, isCurrent: () => boolean): Reading {
    const overtaken = [...this.#readings].filter(([, reading]) => !reading.isCurrent())
    let octets = overtaken.reduce((sum, [{ byteLength }]) => sum + byteLength, 0)
    for (const [{ byteLength }, { readers }] of overtaken) {
      if (octets <= MOST_OVERTAKEN) break
      for (const one of readers) one.destroy()
      octets -= byteLength
    }
    const reading = { readers: new Set<Readable>(), isCurrent }
    this.#readings.set(memory, reading)
    return reading
  }
}

function* slicesOf(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += SLICE) yield body.subarray(at, at + SLICE)
}
