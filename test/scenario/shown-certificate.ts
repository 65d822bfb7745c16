import type { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:tls'

/** The certificate that a TLS listener shows now, whatever it is worth. */
export async function shownCertificate(url: string): Promise<X509Certificate> {
  const { port } = new URL(url)
  const socket = connect({
    host: '127.0.0.1',
    port: Number(port),
    servername: 'localhost',
    rejectUnauthorized: false,
  })
  await once(socket, 'secureConnect')
  const shown = socket.getPeerX509Certificate()
  socket.destroy()
  if (!shown) throw new Error('no certificate was shown')
  return shown
}
