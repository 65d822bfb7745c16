import { connect } from 'node:tls'
import { parseOcspResponse } from '../../src/ocsp/parse-response.ts'
import { run } from '../scenario/tools.ts'

export interface Handshake {
  /** Whether an HTTP answer came: with TLS 1.3 a client certificate is refused after the handshake. */
  readonly answered: boolean
  readonly staple: 'good' | 'revoked' | 'unknown' | 'unreadable' | null
  readonly stapleDer: Buffer | null
  /** Lower-case hexadecimal. */
  readonly serialNumber: string | null
  readonly error: string | null
}

export interface Visit {
  readonly port: number
  readonly root: string
  readonly identity?: { readonly certificate: string; readonly key: string } | undefined
  readonly servername?: string
}

/** One connection and one HTTP request over it. */
export function visit({ port, root, identity, servername = 'web.example.test' }: Visit): Promise<Handshake> {
  return new Promise((resolve) => {
    let staple: Handshake['staple'] = null
    let stapleDer: Buffer | null = null
    let serialNumber: string | null = null
    let text = ''
    let error: string | null = null
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername,
      ca: root,
      requestOCSP: true,
      ...(identity ? { cert: identity.certificate, key: identity.key } : {}),
    })
    socket.setTimeout(5000, () => socket.destroy(new Error('no answer')))
    socket.on('OCSPResponse', (response: Buffer | null) => {
      stapleDer = response
      staple = response ? statusOf(response) : null
    })
    socket.on('secureConnect', () => {
      serialNumber = socket.getPeerCertificate().serialNumber.toLowerCase()
      socket.write(`GET / HTTP/1.1\r\nhost: ${servername}\r\nconnection: close\r\n\r\n`)
    })
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      // Envoy keeps the connection for another second.
      if (text.includes('\r\n\r\n')) socket.destroy()
    })
    socket.on('error', (cause) => {
      error = cause.message
    })
    socket.on('close', () =>
      resolve({
        answered: /^HTTP\/1\.[01] 200/.test(text),
        staple,
        stapleDer,
        serialNumber,
        error: error ?? (text.split('\r\n')[0] || null),
      }),
    )
  })
}

function statusOf(response: Buffer): Handshake['staple'] {
  try {
    const { status } = parseOcspResponse(response).responses[0]!
    return typeof status === 'object' ? 'revoked' : status
  } catch {
    return 'unreadable'
  }
}

/** What `openssl s_client -status` shows of the staple. */
export async function opensslStatus(port: number, rootFile: string): Promise<string> {
  const { stdout } = await run('openssl', [
    ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'web.example.test'],
    ...['-CAfile', rootFile, '-status'],
  ])
  return stdout
}
