import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { workFolder } from './tools.ts'

const LIBRARY = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketimeMT.so.1`

/** True where the library is missing that sets the clock of one process. */
export const noSetClock = !existsSync(LIBRARY)

/** A clock that is set while the process runs; timers, which go by the monotonic one, notice nothing. */
export class SetClock {
  readonly #file = join(workFolder(), 'clock')
  /** Milliseconds that it is ahead. */
  #ahead = 0

  constructor() {
    this.set(0)
  }

  get environment(): Record<string, string> {
    return {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    }
  }

  /** Milliseconds since 1970. */
  get now(): number {
    return Date.now() + this.#ahead
  }

  set(ahead: number): void {
    this.#ahead = ahead
    // By another name first: a file that is read while it is written would be no time at all.
    writeFileSync(`${this.#file}.new`, `+${ahead / 1000}\n`)
    renameSync(`${this.#file}.new`, this.#file)
  }
}
