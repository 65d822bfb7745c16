import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/**
 * A TCP port of loopback that the system picked and gives to nobody else for the next minute, for servers whose port must be
 * known before they start. A port that was only closed again can be anybody's by then, such as a client's own end. This one
 * has a connection in TIME_WAIT, since the server's side ended first: the system passes it over when it picks, and lets it be
 * had by who names it (SO_REUSEADDR, which servers set).
 */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('no port')
  const accepted = once(server, 'connection')
  const client = connect(address.port, '127.0.0.1')
  const [serverSide] = await accepted
  serverSide.end()
  client.resume()
  await once(client, 'close')
  server.close()
  await once(server, 'close')
  return address.port
}
