import { connect, isIP, type Socket } from 'node:net'
import type { ValidationContext } from './context.ts'
import type { Deadline } from './deadline.ts'
import { ValidationFailure } from './failure.ts'

/** A name with a thousand addresses must not make this server knock at a thousand doors. */
const MOST_ADDRESSES = 8

const SILENT = 'does not answer'

/** Addresses that did not answer, by the time that they took theirs from. */
const silentIn = new WeakMap<Deadline, Set<string>>()

/**
 * A connection to the name or address, at one of its addresses that may be contacted. The name is resolved once, and what was
 * checked is what is connected to. The addresses have equal parts of the time, one after the other; those that did not answer before
 * a redirect are the last behind it, where there is no time to wait for them again. `ValidationFailure` "dns"
 * where there is none, "connection" where none may be contacted or none answers. The socket belongs to the caller, who destroys
 * it when the deadline's signal fires.
 */
export async function connectTo(
  host: string,
  port: number,
  { resolver, networks }: Pick<ValidationContext, 'resolver' | 'networks'>,
  deadline: Deadline,
): Promise<Socket> {
  const found = isIP(host) === 0 ? await resolver.addresses(host, deadline) : [host]
  if (found.length === 0) {
    throw new ValidationFailure('dns', `DNS has neither an A nor an AAAA record for ${host}.`, 'unreachable')
  }
  const refused = found.map((address) => ({ address, why: networks.refusal(address) }))
  const allowed = refused
    .flatMap(({ address, why }) => (why === null ? [address] : []))
    .slice(0, MOST_ADDRESSES)
  if (allowed.length === 0) {
    const shown = refused.slice(0, MOST_ADDRESSES).map(({ address, why }) => `${address}, which ${why}`)
    throw new ValidationFailure(
      'connection',
      isIP(host) === 0
        ? `This server does not connect to ${host}: it resolves to ${shown.join('; ')}.`
        : `This server does not connect to ${shown[0]}.`,
      'final',
    )
  }
  const silent = silentIn.get(deadline) ?? new Set()
  silentIn.set(deadline, silent)
  allowed.sort((a, b) => Number(silent.has(a)) - Number(silent.has(b)))
  const failures: string[] = []
  for (const address of allowed) {
    const result = await attempt(address, port, deadline, (deadline.seconds * 1000) / allowed.length)
    if (typeof result !== 'string') return result
    if (result === SILENT) silent.add(address)
    failures.push(`${address} ${result}`)
  }
  throw new ValidationFailure(
    'connection',
    `No connection to ${host}, port ${port}: ${failures.join('; ')}.`,
    'unreachable',
  )
}

/** A socket, or what happened, as the rest of a sentence. Throws where the whole time is over. */
function attempt(
  address: string,
  port: number,
  deadline: Deadline,
  milliseconds: number,
): Promise<Socket | string> {
  const { signal } = deadline
  return new Promise((resolve, reject) => {
    const late = () => deadline.reason('connection', `${address}, port ${port}, did not take a connection`)
    if (signal.aborted) {
      reject(late())
      return
    }
    const socket = connect({ host: address, port })
    const settle = (finish: () => void) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      socket.off('connect', take)
      finish()
    }
    const giveUp = (finish: () => void) =>
      settle(() => {
        socket.destroy()
        finish()
      })
    const take = () => settle(() => resolve(socket))
    const stop = () => giveUp(() => reject(late()))
    const timer = setTimeout(() => giveUp(() => resolve(SILENT)), milliseconds)
    signal.addEventListener('abort', stop, { once: true })
    socket.once('connect', take)
    // Stays: what the socket says between two owners, or after it was given up, must find somebody listening.
    socket.on('error', (error: NodeJS.ErrnoException) => giveUp(() => resolve(sayConnectError(error))))
  })
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses',
  ECONNRESET: 'hangs up',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  ETIMEDOUT: SILENT,
}

function sayConnectError({ code = 'fails' }: NodeJS.ErrnoException): string {
  return WORDS[code] ?? `fails (${code})`
}
