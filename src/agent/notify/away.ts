/** The consumer does not run: it reads the files when it starts, and is told then for good measure. */
export class ConsumerAway extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'ConsumerAway'
  }
}
