import { randomBytes } from 'node:crypto'
import { linkSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { makePrivateDirectory } from '../durable-files.ts'
import { CaError } from '../errors.ts'

/** Longer paths cannot be bound (sun_path). Octets. */
const LONGEST_PATH = 107
/** With a number as high as any agent reaches: each start after a kill adds one. */
const LONGEST_NAME = '/agent.lock.9999999'.length

/**
 * Two agents with one state would enrol twice. The lock is a socket in the directory: it ends with the process, however that ends.
 * Gives the function that lets go; throws `CaError` "conflict" where another agent holds it.
 *
 * Whose socket has the highest number holds it. A dead one is never replaced, since another agent that found it dead too would
 * then replace the new one: the next number is taken, by a link, which only one of them can make. A name is there only once its
 * socket answers.
 */
export async function lockState(directory: string): Promise<() => Promise<void>> {
  makePrivateDirectory(directory)
  const most = LONGEST_PATH - LONGEST_NAME
  if (Buffer.byteLength(directory) > most)
    throw new CaError(
      'badConfiguration',
      `state ${directory} is too long a path: shorten it to ${most} octets.`,
    )
  const own = `.lock-${randomBytes(4).toString('hex')}`
  const server = await listen(join(directory, own))
  const letGo = (name: string) => {
    rmSync(join(directory, name), { force: true })
    return new Promise<void>((resolve) => server.close(() => resolve()))
  }
  try {
    const name = await take(directory, own)
    if (name !== null) return () => letGo(name)
  } catch (error) {
    await letGo(own)
    throw error
  }
  await letGo(own)
  throw new CaError(
    'conflict',
    `Another agent works with ${directory}: stop it, or give this one another "state".`,
  )
}

/** The name that now leads to our socket; null where another agent's answers. */
async function take(directory: string, own: string): Promise<string | null> {
  for (;;) {
    const newest = numbersIn(directory).at(-1) ?? 0
    if (newest > 0 && (await answers(join(directory, nameOf(newest))))) return null
    const number = newest + 1
    if (!tryLink(join(directory, own), join(directory, nameOf(number)))) continue
    const all = numbersIn(directory)
    if (all.at(-1) === number) {
      for (const one of all.slice(0, -1)) rmSync(join(directory, nameOf(one)), { force: true })
      rmSync(join(directory, own))
      return nameOf(number)
    }
    // Our number had been taken before, and its agent has gone on to a higher one.
    rmSync(join(directory, nameOf(number)), { force: true })
  }
}

const nameOf = (number: number) => `agent.lock.${number}`

function numbersIn(directory: string): number[] {
  return readdirSync(directory)
    .flatMap((name) => /^agent\.lock\.(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((one, other) => one - other)
}

/** False where the name is taken. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.unref()
    server.once('error', reject)
    server.listen(path, () => resolve(server))
  })
}

/** A name to which nobody answers was left by a process that was killed. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
