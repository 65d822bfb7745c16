import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Starts the service once, on a directory that is removed again, as `npm start` does: V8's code for it is kept beside the package
 * (bin/chancery.js), and the first start of whoever has just installed it finds it there. Where that does not work out, that start
 * does the work itself.
 */
const top = fileURLToPath(new URL('../', import.meta.url))
const PATIENCE_MILLISECONDS = 20_000

const directory = mkdtempSync(join(tmpdir(), 'chancery-warm-'))
// Whoever installs may have another service configured. The bounds of `npm start` it gives itself.
const theirs = Object.entries(process.env).filter(([name]) => !/^(?:CHANCERY|MALLOC)_/.test(name))
const environment = {
  ...Object.fromEntries(theirs),
  CHANCERY_DIR: directory,
  CHANCERY_HOST: '127.0.0.1',
  CHANCERY_TLS_PORT: '0',
  CHANCERY_HTTP_PORT: '0',
}
const service = spawn(process.execPath, ['bin/chancery.js', 'serve'], {
  cwd: top,
  env: environment,
  stdio: ['ignore', 'pipe', 'ignore'],
})
const patience = setTimeout(() => service.kill('SIGKILL'), PATIENCE_MILLISECONDS)
let said = ''
service.stdout.on('data', (chunk: Buffer) => {
  said += chunk
  // It writes what it has compiled when it ends.
  if (said.includes('is ready')) service.kill('SIGTERM')
})
const [status, signal] = await once(service, 'exit')
clearTimeout(patience)
rmSync(directory, { recursive: true, force: true })
if (status !== 0)
  console.warn(`The service could not be started ahead (${status ?? signal}): the first start takes longer.`)
