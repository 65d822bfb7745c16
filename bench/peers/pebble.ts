import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../test/free-port.ts'
import { type Running, startPeer } from '../processes.ts'
import { tool } from '../tools.ts'

/** Keeps everything in memory; it proves no name, refuses no nonce at random, and always reuses authorizations. */
export async function startPebble(pemFile: string): Promise<Running> {
  const command = tool('pebble')
  const [port, managementPort] = [await freePort(), await freePort()]
  const directory = await mkdtemp(join(tmpdir(), 'chancery-bench-pebble-'))
  const config = join(directory, 'pebble.json')
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    ...{ certificate: pemFile, privateKey: pemFile, httpPort: 80, tlsPort: 443 },
  }
  await writeFile(config, JSON.stringify({ pebble }))
  const running = await startPeer(command, ['-config', config], port, {
    ...{ PEBBLE_VA_ALWAYS_VALID: '1', PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '100' },
  })
  return {
    ...running,
    async stop() {
      await running.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
