import { CrlFiles } from '../../src/crl/crl-files.ts'
import { listOf, SCOPE } from './file-content.ts'

/** Writes one CRL into the directory in a process of its own, to be killed on the way. */
const [directory, number] = [process.argv[2]!, Number(process.argv[3])]
await new CrlFiles(directory).write(SCOPE, 'full', number, listOf(number))
