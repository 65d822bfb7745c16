import { spawnSync } from 'node:child_process'
import { Command } from 'commander'
import { Client } from '../client/client.ts'
import { LOOKS_AFTER_RELOAD, type NamedFile, requireNamed } from '../haproxy/named.ts'
import { HaproxyRuntime } from '../haproxy/runtime.ts'
import { EXIT } from './exit-codes.ts'
import { asFailure, Failure } from './failure.ts'
import { type Delivery, deliverCertificate } from './haproxy-delivery.ts'
import { deliverCrls, deliverTrust } from './haproxy-trust.ts'
import { collect, parsed } from './option-values.ts'
import { addServiceOptions, type ServiceOptions, serviceAddress } from './service.ts'
import { print, type Terminal } from './terminal.ts'

interface PushOptions extends ServiceOptions {
  readonly socket: HaproxyRuntime
  readonly certificate?: readonly string[]
  readonly crlFile?: string
  readonly caFile?: string
  readonly bundle: string
  readonly reloadCommand?: string
}

export function pushCommand(terminal: Terminal): Command {
  const command = new Command('push')
    .description(
      'Write staple, CRLs and roots into HAProxy’s files, and over its run-time socket into the running process',
    )
    .requiredOption('--socket <path or host:port>', 'the "stats socket" of level admin', runtime)
    .option(
      '--certificate <file>',
      'PEM file as HAProxy’s configuration names it (certificate, chain, key); its staple is fetched, and the file pushed where HAProxy serves another; repeatable',
      collect,
    )
    .option('--crl-file <file>', 'as HAProxy’s configuration names it: gets a current CRL of every CA')
    .option('--ca-file <file>', 'as HAProxy’s configuration names it: gets the roots')
    .option('--bundle <name>', 'which CRLs and roots: all, or those of one authority', 'roots')
    .option(
      '--reload-command <command>',
      'run by the shell where something cannot be pushed: systemctl reload haproxy',
    )
  addServiceOptions(command).action(async (options: PushOptions) => {
    const { deliveries, failures } = await deliverAll(options, terminal)
    const waiting = deliveries.filter(({ state }) => state === 'reload')
    const mustReload = waiting.length > 0 && options.reloadCommand !== undefined
    const failure = mustReload ? reload(options.reloadCommand!) : null
    const reloaded = mustReload && failure === null
    print(terminal, options.json, { deliveries, reloaded }, () => deliveries.map(line).join(''))
    if (failure) throw failure
    if (failures[0]) throw failures[0]
    // Else each run would reload it again, for nothing.
    if (reloaded) await requireNamed(options.socket, waiting.map(namedFile), LOOKS_AFTER_RELOAD)
    if (waiting.length > 0 && !reloaded) {
      throw new Failure(
        EXIT.failed,
        `HAProxy must be reloaded to take up ${waiting.map(({ file }) => file).join(', ')}. ${waiting[0]!.reason}`,
      )
    }
  })
  return command
}

/** One by one: what is wrong with one certificate must not keep the CRLs from HAProxy. */
async function deliverAll(
  { certificate = [], crlFile, caFile, bundle, socket, ...service }: PushOptions,
  terminal: Terminal,
): Promise<{ deliveries: readonly Delivery[]; failures: readonly Failure[] }> {
  if (certificate.length === 0 && crlFile === undefined && caFile === undefined)
    throw new Failure(EXIT.usage, 'Nothing to push: give --certificate, --crl-file or --ca-file.')
  // All of it is public: no admin key is needed on the machine of a proxy.
  const client = new Client(serviceAddress(service, terminal.environment), {})
  const context = { client, runtime: socket, clock: terminal.clock, certificates: certificate }
  const deliveries: Delivery[] = []
  const failures: Failure[] = []
  const run = async (what: Delivery['what'], file: string, deliver: () => Promise<Delivery | Delivery[]>) => {
    try {
      deliveries.push(...[await deliver()].flat())
    } catch (error) {
      const failure = asFailure(error)
      failures.push(failure)
      deliveries.push({ what, file, state: 'failed', reason: failure.message })
    }
  }
  try {
    // Roots before CRLs: a CRL of a root that is not trusted yet would be of no use.
    if (caFile !== undefined) await run('roots', caFile, () => deliverTrust(caFile, bundle, context))
    if (crlFile !== undefined) await run('CRLs', crlFile, () => deliverCrls(crlFile, bundle, context))
    for (const file of certificate) await run('certificate', file, () => deliverCertificate(file, context))
    return { deliveries, failures }
  } finally {
    client.close()
  }
}

/** By which name its configuration must have it. A staple is read with its certificate. */
function namedFile({ what, file }: Delivery): NamedFile {
  if (what === 'staple') return { kind: 'cert', file: file.replace(/\.ocsp$/, '') }
  const kinds = { certificate: 'cert', CRLs: 'crl-file', roots: 'ca-file' } as const
  return { kind: kinds[what], file }
}

function line({ what, file, state, reason }: Delivery): string {
  const words = {
    unchanged: 'unchanged',
    live: 'live',
    reload: 'written, waits for a reload',
    failed: 'failed',
  }[state]
  return `${what} ${file}: ${words}${reason === null ? '' : `. ${reason}`}\n`
}

function reload(command: string): Failure | null {
  const { status, stderr, error } = spawnSync(command, { shell: true, encoding: 'utf8' })
  if (status === 0) return null
  return new Failure(EXIT.failed, `The reload command failed: ${(stderr || (error?.message ?? '')).trim()}`)
}

function runtime(text: string): HaproxyRuntime {
  return parsed(() => new HaproxyRuntime(text))
}
