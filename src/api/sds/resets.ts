import type { Server } from '@grpc/grpc-js'

/** Streams of a connection that may be reset at once: twice as many as it may have open. */
export const RESETS_AT_ONCE = 200

/** And so many more each second. */
const RESETS_PER_SECOND = 33

/**
 * Has connections ended whose clients begin streams and reset them (CVE-2023-44487), or have them reset for what is wrong with them. One that is
 * reset counts as open no more, and costs as much as any other. By Node's own bounds, which are a thousand of each for each connection, two
 * hundred connections of strangers held up everybody for ten seconds. To be called before the server is given any.
 */
export function boundResets(server: Server): void {
  // What the library makes Node's servers with; it has no options of its own for these.
  const { commonServerOptions } = server as unknown as { commonServerOptions: object }
  Object.assign(commonServerOptions, {
    streamResetBurst: RESETS_AT_ONCE,
    streamResetRate: RESETS_PER_SECOND,
    maxSessionInvalidFrames: RESETS_AT_ONCE,
  })
}
