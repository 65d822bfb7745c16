import { createServer } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryDirectory } from '../config/temporary.ts'

/** The run-time socket of a HAProxy whose configuration names no file at all. */
export async function unknowingHaproxy(): Promise<string> {
  const path = join(temporaryDirectory(), 'admin.sock')
  const server = createServer((socket) => {
    socket.once('data', (line) => {
      const isShown = line.toString().startsWith('show ssl')
      socket.end(
        isShown
          ? "Can't display the CRL file : Not found!\n"
          : "Can't replace a CRL file which is not referenced by the configuration!\nCan't update it!\n",
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  onTestFinished(() => void server.close())
  return path
}
