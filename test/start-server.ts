import { loadConfig } from '../src/config/load.ts'
import { createLog } from '../src/log.ts'
import { prepareServer, type RunningServer } from '../src/server.ts'

/** A server of this configuration, which logs nothing. Throws `CaError` where configuration, keys or hierarchy do not let it start. */
export async function startServer(...given: Parameters<typeof loadConfig>): Promise<RunningServer> {
  const { config, secrets } = loadConfig(...given)
  const log = createLog('silent')
  return (await prepareServer(config, { passphrase: secrets.passphrase! }, { log })).start()
}
