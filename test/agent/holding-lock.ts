import { lockState } from '../../src/agent/lock.ts'

/** Holds the lock of a state until it is killed. */
await lockState(process.argv[2]!)
process.send!('held')
