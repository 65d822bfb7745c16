import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptor,
  type StatusObject,
} from '@grpc/grpc-js'

/** What is known of a call before its message is read. */
export interface Caller {
  readonly metadata: Metadata
  getPeer(): string
}

/**
 * Has a call with one message refused before that is read: the library calls its handler once it has come whole, and a stranger could
 * have a megabyte kept for each of a hundred calls on each connection, for as long as he does not send the last octet. Streams are
 * read by their handler.
 */
export function beforeMessage(
  refusalOf: (caller: Caller) => Promise<Pick<StatusObject, 'code' | 'details'> | null>,
): ServerInterceptor {
  return ({ requestStream }, call) =>
    new ServerInterceptingCall(
      call,
      requestStream
        ? {}
        : {
            start: (next) =>
              next({
                onReceiveMetadata: (metadata, read) =>
                  void refusalOf({ metadata, getPeer: () => call.getPeer() }).then((refusal) =>
                    refusal ? call.sendStatus(refusal) : read(metadata),
                  ),
              }),
          },
    )
}
