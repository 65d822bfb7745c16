import { existsSync, readFileSync } from 'node:fs'
import { Command } from 'commander'
import { epochSeconds, rfc3339 } from '../clock.ts'
import { SECRET_TYPE, type SecretContent } from '../sds/secret.ts'
import { writeFiles } from '../write-files.ts'
import { checkSecret } from './check-secret.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { ownCertificate } from './own-certificate.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

interface SdsOptions extends ServiceOptions {
  readonly secret: string
  readonly name?: string
  readonly own?: string
  readonly out: string
}

interface Discovered {
  readonly version_info: string
  readonly resources: readonly (SecretContent & { readonly '@type': string })[]
}

/** One file, as Envoy's path_config_source reads it; for machines whose Envoy does not ask the service itself. */
export function sdsCommand(terminal: Terminal): Command {
  const command = new Command('sds')
    .description('Write one secret (certificate and staple, or trust and CRLs) as a file that Envoy watches')
    .requiredOption(
      '--secret <name>',
      'what: "dns:web.example.test?key=/path/of/the/key", "self?key=/path", "roots", an authority’s id',
    )
    .option('--name <name>', 'the secret’s name in Envoy’s configuration; by default the same')
    .option(
      '--own <directory>',
      'show the certificate that "cert request" wrote there, instead of an admin key',
    )
    .requiredOption('--out <file>', 'the file, replaced by one rename, and only when something changed')
  addServiceOptions(command).action(async (options: SdsOptions) => {
    const { secret, name = secret, out } = options
    const content = await fetch(options, terminal)
    const now = epochSeconds(terminal.clock())
    // Envoy takes a staple with a broken signature and a CRL that is none, and clients are turned away.
    const { goodUntil } = checkSecret(content, secret, now)
    const text = `${JSON.stringify({ resources: [{ ...content, name }] })}\n`
    const changed = !existsSync(out) || readFileSync(out, 'utf8') !== text
    if (changed) writeFiles([{ path: out, content: text, mode: 0o644 }])
    const again = rfc3339(now + Math.floor((goodUntil - now) / 2))
    print(
      terminal,
      options.json,
      { file: out, secret, name, changed, again },
      () =>
        `${changed ? 'Wrote' : 'Nothing changed in'} ${out}. Run it again after each revocation, and before ${again}.\n`,
    )
  })
  return command
}

async function fetch(options: SdsOptions, { environment }: Terminal): Promise<SecretContent> {
  const client =
    options.own === undefined
      ? adminClient(options, environment)
      : ownCertificate(options.own, options, environment).client
  const answer = await client.json<Discovered>('POST', '/v3/discovery:secrets', {
    body: { resource_names: [options.secret], type_url: SECRET_TYPE },
  })
  const [content, ...others] = answer.resources
  if (!content || others.length > 0 || content['@type'] !== SECRET_TYPE) {
    throw new Failure(EXIT.failed, 'The service answered with something other than one secret.')
  }
  return content
}
