import type {
  FastifyReply,
  FastifyRequest,
  onRequestHookHandler,
  onResponseHookHandler,
  onSendHookHandler,
} from 'fastify'

/** Hooks that wait for nothing. As async functions they would cost each request a promise, and a turn of the queue of those. */

type Work = (request: FastifyRequest, reply: FastifyReply) => void

/** For `onRequest`: what `work` throws is the request's answer. */
export function beforeRequest(work: Work): onRequestHookHandler {
  return (request, reply, done) => {
    try {
      work(request, reply)
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  }
}

/** For `onSend`: `work` must not throw. */
export function beforeAnswer(work: Work): onSendHookHandler {
  return (request, reply, payload, done) => {
    work(request, reply)
    done(null, payload)
  }
}

/** For `onResponse`: `work` must not throw. */
export function afterAnswer(work: Work): onResponseHookHandler {
  return (request, reply, done) => {
    work(request, reply)
    done()
  }
}
