import type { Server } from 'node:http'

/**
 * Who sends no more may wait for the answer all the same (RFC 9112 6.3), as ncat and socat do at the end of their input. Node closes such
 * connections by default, so that only what is answered at once arrives.
 */
export function answerHalfClosed(server: Server): void {
  ;(server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true
}
