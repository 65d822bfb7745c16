import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js'
import { TurnBudget } from '../overload/turn-budget.ts'

/** Some 10 ms. */
export const PER_TURN = 64

/**
 * Has a few calls begin in each turn of the event loop, and the others in the next ones, in order. A connection may bring a hundred at
 * once, and whoever has some dozens of these held up everybody for a second, known or not.
 */
export function paceCalls(): ServerInterceptor {
  const budget = new TurnBudget(PER_TURN)
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) => {
        if (budget.take()) next()
        else budget.later(() => next())
      },
    })
}
