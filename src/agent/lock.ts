import { rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { makePrivateDirectory } from '../durable-files.ts'
import { CaError } from '../errors.ts'

/** Longer paths cannot be bound (sun_path). Octets. */
const LONGEST_PATH = 107

/**
 * Two agents with one state would enrol twice. The lock is a socket in the directory: it ends with the process, however that ends.
 * Gives the function that lets go; throws `CaError` "conflict" where another agent holds it.
 */
export async function lockState(directory: string): Promise<() => Promise<void>> {
  makePrivateDirectory(directory)
  const path = join(directory, 'agent.lock')
  if (Buffer.byteLength(path) > LONGEST_PATH)
    throw new CaError('badConfiguration', `state ${directory} is too long a path: shorten it to 95 octets.`)
  const server = (await bind(path)) ?? (await bindAgain(path))
  if (!server) {
    throw new CaError(
      'conflict',
      `Another agent works with ${directory}: stop it, or give this one another "state".`,
    )
  }
  server.unref()
  return () => new Promise((resolve) => server.close(() => resolve()))
}

/** Null where the name is taken. */
function bind(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    )
    server.listen(path, () => resolve(server))
  })
}

/** A name to which nobody answers was left by a process that was killed. */
async function bindAgain(path: string): Promise<Server | null> {
  const isHeld = await new Promise<boolean>((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('close', () => socket.destroy())
  })
  if (isHeld) return null
  rmSync(path, { force: true })
  return bind(path)
}
