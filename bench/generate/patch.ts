/** What of a certificate is to be another's. Times in seconds since 1970. */
export interface Identity {
  readonly serial: Buffer
  /** In the order of the template's, each of the same length. */
  readonly names: readonly string[]
  readonly notBefore: number
  readonly notAfter: number
}

/**
 * Makes further certificates of one by writing over the octets of its serial number, names and times, all of the same length. Its
 * key and its signature stay, so the signature verifies for none of them.
 */
export class Patch {
  readonly #der: Buffer
  readonly #serial: number
  readonly #times: readonly [number, number]
  readonly #names: readonly (readonly number[])[]

  constructor({ der, serial, names, notBefore, notAfter }: Identity & { readonly der: Buffer }) {
    this.#der = der
    this.#serial = der.indexOf(serial)
    const first = der.indexOf(utcTime(notBefore), this.#serial)
    this.#times = [first, der.indexOf(utcTime(notAfter), first)]
    this.#names = names.map((name) => [...places(der, name)])
    if (
      this.#serial < 0 ||
      first < 0 ||
      this.#times[1] < 0 ||
      this.#names.some((found) => found.length === 0)
    ) {
      throw new Error(
        `the certificate ${serial.toString('hex')} does not show its own serial number, names and times`,
      )
    }
  }

  with({ serial, names, notBefore, notAfter }: Identity): Buffer {
    const der = Buffer.from(this.#der)
    serial.copy(der, this.#serial)
    der.write(utcTime(notBefore), this.#times[0], 'latin1')
    der.write(utcTime(notAfter), this.#times[1], 'latin1')
    for (const [at, name] of names.entries()) {
      for (const place of this.#names[at]!) der.write(name, place, 'latin1')
    }
    return der
  }
}

/** Where the text stands in the octets. */
function* places(octets: Buffer, text: string): Generator<number> {
  for (let at = octets.indexOf(text, 0, 'latin1'); at >= 0; at = octets.indexOf(text, at + 1, 'latin1'))
    yield at
}

/** RFC 5280 4.1.2.5.1, as the text of its content. */
export function utcTime(seconds: number): string {
  return `${new Date(seconds * 1000)
    .toISOString()
    .replace(/\.\d+|[-:T]/g, '')
    .slice(2)}`
}
