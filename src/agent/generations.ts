import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { makeDirectories, syncDirectory } from '../durable-files.ts'
import type { Ownership } from './accounts.ts'
import type { MadeFile } from './material.ts'

const CURRENT = '..data'
/** Generations that stay for a reader that found their name before the change. */
const KEPT = 3
/** Of directories: whoever may read a file must get to it. */
const OPEN = 0o755

export interface PublishedMode {
  readonly ownership: Ownership
  /** Of files with the key in them; the others have 0644. */
  readonly secret: number
}

/**
 * The files of one certificate, changed as one, in the way of Kubernetes' volumes: each generation is a directory that never changes
 * once it is named, `..data` is a symbolic link to the current one, and `key.pem` a link to `..data/key.pem`. The change is one rename
 * of `..data`: whoever opens one file gets it whole, and all names change together. What crashes leave behind is taken away by the
 * next change.
 */
export class Generations {
  readonly #directory: string
  readonly #mode: PublishedMode

  constructor(directory: string, mode: PublishedMode) {
    this.#directory = directory.replace(/(?<=.)\/+$/, '')
    this.#mode = mode
  }

  /** The path of the current generation; null before the first. */
  get current(): string | null {
    const number = this.#currentNumber()
    return number === null ? null : this.#path(number)
  }

  /** The path that the next one will have. */
  get next(): string {
    return this.#path((this.#currentNumber() ?? 0) + 1)
  }

  /** Whether the current generation is just this, and every name leads to it. */
  holds(files: readonly MadeFile[]): boolean {
    const { current } = this
    if (current === null || !existsSync(current)) return false
    const names = files.map(({ name }) => name)
    return (
      (statSync(current).mode & 0o777) === OPEN &&
      readdirSync(current).sort().join('\n') === [...names].sort().join('\n') &&
      names.every((name) => this.#isLinked(name)) &&
      files.every((file) => this.#isSame(join(current, file.name), file))
    )
  }

  /** By content, mode and owner. */
  #isSame(path: string, { content, isSecret }: MadeFile): boolean {
    const { mode, uid, gid } = statSync(path)
    const { ownership, secret } = this.#mode
    return (
      (mode & 0o7777) === (isSecret ? secret : 0o644) &&
      uid === (ownership.uid ?? uid) &&
      gid === (ownership.gid ?? gid) &&
      readFileSync(path).equals(Buffer.from(content))
    )
  }

  /** Makes the next generation of these files, which were made for `next`, the current one. */
  publish(files: readonly MadeFile[]): void {
    this.#makeDirectory()
    const number = (this.#currentNumber() ?? 0) + 1
    const place = this.#path(number)
    // Left by a crash before it became current.
    rmSync(place, { recursive: true, force: true })
    mkdirSync(place, { mode: 0o700 })
    for (const file of files) this.#write(place, file)
    this.#handOver(place)
    this.#link(`..${number}`, CURRENT)
    for (const { name } of files) if (!this.#isLinked(name)) this.#link(`${CURRENT}/${name}`, name)
    syncDirectory(this.#directory)
    this.#sweep(number, new Set(files.map(({ name }) => name)))
  }

  /** What was there before has the mode that somebody gave it; what is made here is not for the umask to close. */
  #makeDirectory(): void {
    const directory = resolve(this.#directory)
    const first = makeDirectories(directory)
    if (first === undefined) return
    for (let made = directory; made.length >= first.length; made = dirname(made)) chmodSync(made, OPEN)
  }

  /** Durably, to whom it is for, and open to whoever may read a file in it. */
  #handOver(place: string): void {
    const { uid, gid } = this.#mode.ownership
    // Whoever may write above it could have put a link in its place, to what is not theirs.
    const descriptor = openSync(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    try {
      fchmodSync(descriptor, OPEN)
      if (uid !== null || gid !== null) fchownSync(descriptor, uid ?? -1, gid ?? -1)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  }

  #write(place: string, { name, content, isSecret }: MadeFile): void {
    const mode = isSecret ? this.#mode.secret : 0o644
    const { uid, gid } = this.#mode.ownership
    // For its owner alone until it belongs to whom it is for.
    const descriptor = openSync(join(place, name), 'wx', 0o600)
    try {
      writeFileSync(descriptor, content)
      if (uid !== null || gid !== null) fchownSync(descriptor, uid ?? -1, gid ?? -1)
      // The umask has no say.
      fchmodSync(descriptor, mode)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  }

  /** By a rename, so that the name leads somewhere at every moment, also where a file was before. */
  #link(target: string, name: string): void {
    const temporary = join(this.#directory, `..new-${name.replace(/^\.+/, '')}`)
    rmSync(temporary, { force: true })
    symlinkSync(target, temporary)
    renameSync(temporary, join(this.#directory, name))
  }

  /** Old generations, what a crash left, and names that are no longer wanted. */
  #sweep(number: number, names: ReadonlySet<string>): void {
    for (const entry of readdirSync(this.#directory)) {
      const [, digits] = /^\.\.(\d+)$/.exec(entry) ?? []
      const isOld = digits !== undefined && (Number(digits) <= number - KEPT || Number(digits) > number)
      const isUnwanted = !names.has(entry) && entry !== CURRENT && this.#isLinked(entry)
      if (isOld || isUnwanted || entry.startsWith('..new-'))
        rmSync(join(this.#directory, entry), { recursive: true, force: true })
    }
  }

  #isLinked(name: string): boolean {
    return linkTarget(join(this.#directory, name)) === `${CURRENT}/${name}`
  }

  #currentNumber(): number | null {
    const [, digits] = /^\.\.(\d+)$/.exec(linkTarget(join(this.#directory, CURRENT)) ?? '') ?? []
    return digits === undefined ? null : Number(digits)
  }

  #path(number: number): string {
    return join(this.#directory, `..${number}`)
  }
}

function linkTarget(path: string): string | null {
  const status = lstatSync(path, { throwIfNoEntry: false })
  return status?.isSymbolicLink() ? readlinkSync(path) : null
}
