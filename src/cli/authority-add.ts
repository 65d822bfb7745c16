import { Command } from 'commander'
import { encodeName, nameToText } from '../pki/distinguished-name.ts'
import type { AuthorityAnswer } from './answers.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import {
  type AuthorityOptions,
  addAuthorityOptions,
  addPathLength,
  newAuthority,
} from './hierarchy-options.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

/** Makes the key in the service; `csr`, `sign` (where the root is) and `install` complete it. */
export function addCommand(terminal: Terminal): Command {
  const command = new Command('add')
    .alias('create')
    .description(
      'Make the key and CSR of another intermediate; it issues once "authority install" has its certificate',
    )
    .argument('<id>', 'id, as it stands in URLs: lower-case letters, digits, hyphens')
    .option(
      '--replaces <id>',
      'the authority whose place it is to take: it becomes staged, until "authority activate" lets it issue',
    )
  addServiceOptions(addPathLength(addAuthorityOptions(command))).action(
    async (id: string, options: AuthorityOptions & ServiceOptions & { replaces?: string }) => {
      const { subject, keyType, hash, pathLength } = newAuthority(id, options)
      if (pathLength === undefined) {
        throw new Failure(
          EXIT.usage,
          'A CSR asks for a number of levels; "none" is for the signer to decide.',
        )
      }
      const client = adminClient(options, terminal.environment)
      const answer = await client.json<AuthorityAnswer>('POST', '/v1/authorities', {
        body: {
          ...{ id, subject: nameToText(encodeName(subject)), keyType, hash: hash ?? undefined, pathLength },
          replaces: options.replaces,
        },
      })
      print(terminal, options.json, answer, () => `Made ${id}. Next: chancery authority csr ${id}\n`)
    },
  )
  return command
}
