import { CaError } from './errors.ts'

/** As `engines` in package.json has it. npm only warns of it, and Deno does not read it. */
const MINIMUM = 24

/** Before anything is written: elsewhere an opened CA either fails in a word that tells nobody why, or never records a thing. */
export function refuseOtherRuntimes({ node, deno }: NodeJS.ProcessVersions): void {
  if (deno !== undefined) {
    // Its `receiveMessageOnPort` does not take a thread's `parentPort`: the writer ends at its first command.
    throw new CaError(
      'badConfiguration',
      `Chancery needs Node.js ${MINIMUM} or newer, and this is Deno ${deno}: its threads cannot write the database.`,
    )
  }
  if (Number(node.split('.')[0]) < MINIMUM) {
    throw new CaError('badConfiguration', `Chancery needs Node.js ${MINIMUM} or newer, and this is ${node}.`)
  }
}
