import { connect, type PeerCertificate } from 'node:tls'
import { encodePem } from '../../../src/pki/pem.ts'

/** The PEM chain that a server shows for a name, without the root; null where there is no handshake. */
export function served(host: string, port: number, servername: string): Promise<string | null> {
  return new Promise((resolve) => {
    // Nothing is trusted here: openssl verifies what was shown.
    const socket = connect({ host, port, servername, rejectUnauthorized: false })
    socket.setTimeout(5000, () => socket.destroy())
    socket.on('secureConnect', () => {
      const chain: string[] = []
      let one: PeerCertificate | undefined = socket.getPeerCertificate(true)
      while (one?.raw) {
        chain.push(encodePem('CERTIFICATE', one.raw))
        const { issuerCertificate }: { issuerCertificate?: PeerCertificate } = one as never
        one = issuerCertificate === one ? undefined : issuerCertificate
      }
      socket.destroy()
      resolve(chain.join(''))
    })
    socket.on('error', () => resolve(null))
    socket.on('close', () => resolve(null))
  })
}
