import type { Clock } from '../src/clock.ts'
import { loadConfig } from '../src/config/load.ts'
import { createLog } from '../src/log.ts'
import { prepareServer, type RunningServer } from '../src/server.ts'

type Given = Parameters<typeof loadConfig>

/** A server of this configuration, which logs nothing. Throws `CaError` where configuration, keys or hierarchy do not let it start. */
export async function startServer(
  environment: Given[0],
  options?: Given[1],
  clock?: Clock,
): Promise<RunningServer> {
  const { config, secrets } = loadConfig(environment, options)
  const host = { log: createLog('silent'), ...(clock && { clock }) }
  return (await prepareServer(config, { passphrase: secrets.passphrase! }, host)).start()
}
