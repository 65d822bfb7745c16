import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js'

/**
 * Has messages that come compressed refused with UNIMPLEMENTED. The library unpacks all that a client has sent ahead, a thousand times as much
 * as came, before anybody asks for the second message; and no Envoy compresses what it asks for.
 */
export const refuseCompressed: ServerInterceptor = (_method, call) => {
  // Of the library's own, which has no option for it: the coding that messages with the mark of compression are unpacked by.
  Object.assign(call, { incomingEncoding: 'compressed' })
  return new ServerInterceptingCall(call)
}
