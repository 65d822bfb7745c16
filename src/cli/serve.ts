import { resolve } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { Command } from 'commander'
import { HIERARCHY_DEFAULTS } from '../ca/hierarchy/defaults.ts'
import { settleDataDirectory } from '../ca/hierarchy/staging.ts'
import type { Config } from '../config/config.ts'
import { dataDirectory, loadConfig, type Overrides } from '../config/load.ts'
import type { Secrets } from '../config/secrets.ts'
import type { PreparedServer } from '../server.ts'
import { startWriterAhead } from '../store/threads.ts'
import { banner, type Running } from './banner.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { endWithin, untilSignal } from './signals.ts'
import { print, type Terminal } from './terminal.ts'

/** Less than what systemd, containers and Kubernetes give it in deploy/. */
const END_MILLISECONDS = 45_000

interface ServeOptions {
  readonly dir?: string
  readonly host?: string
  readonly tlsPort?: string
  readonly httpPort?: string
  readonly publicUrl?: string
  readonly init: boolean
  readonly json?: boolean
}

export function serveCommand(terminal: Terminal): Command {
  return new Command('serve')
    .description('Run the service; an empty data directory is initialised first')
    .option('--dir <directory>', 'data directory (CHANCERY_DIR, ./data)')
    .option('--host <address>', 'address to listen on (CHANCERY_HOST, 127.0.0.1)')
    .option('--tls-port <port>', 'port of the TLS listener (CHANCERY_TLS_PORT, 8443)')
    .option('--http-port <port>', 'port of the plain listener (CHANCERY_HTTP_PORT, 8080)')
    .option('--public-url <url>', 'base of the addresses inside certificates (CHANCERY_PUBLIC_URL)')
    .option('--no-init', 'refuse to start without data: a missing mount must not become a new CA')
    .option('--json', 'print one JSON document instead of the words for people')
    .action((options: ServeOptions) => serve(options, terminal))
}

async function serve(options: ServeOptions, terminal: Terminal): Promise<void> {
  const { initialised } = await settleDataDirectory(dataDirectory(terminal.environment, options.dir))
  // Not before: what was interrupted may have had yet to move chancery.yaml and the passphrase into place.
  const { config, secrets } = loadConfig(terminal.environment, overridesFrom(options))
  if (initialised || options.init) startWriterAhead()
  const prepare = async (passphrase: string) =>
    (await import('../server.ts')).prepareServer(config, { passphrase }, { clock: terminal.clock })
  const prepared = initialised
    ? await prepare(passphraseOf(secrets))
    : await initialiseFirst(config, options, terminal, prepare)

  // Before the start: a signal during it must not kill the process halfway.
  const stopped = untilSignal(terminal.clock)
  const server = await prepared.start()
  const { tlsUrl, httpUrl, rootFingerprint, adminKeyFile } = server
  const running: Running = { tlsUrl, httpUrl, rootFingerprint, adminKeyFile }
  print(terminal, options.json, running, () => banner(running, variablesFor(config, tlsUrl)))
  tuneV8()
  await stopped
  await endWithin(server.close(), END_MILLISECONDS)
  ;(await import('../log.ts')).endLog()
}

/**
 * What V8 is told for a service. Only now, since it takes compiled code from no cache that was made with other flags, not even that of
 * Node's own modules.
 */
function tuneV8(): void {
  // Collects once there is twice of what was alive, and not four times: 40 MB less under load, at the same speed.
  setFlagsFromString('--heap-growing-percent=100')
  // Of 3,000, which what runs once for each certificate has after some 17,000: all of it at once, half a second at half the speed.
  setFlagsFromString('--invocation-count-for-turbofan=1000')
}

async function initialiseFirst(
  config: Config,
  options: ServeOptions,
  terminal: Terminal,
  prepare: (passphrase: string) => Promise<PreparedServer>,
): Promise<PreparedServer> {
  if (!options.init) {
    throw new Failure(
      EXIT.usage,
      `${config.dir} holds no CA: check that it is mounted, or run "chancery init".`,
    )
  }
  const { initialise } = await import('../ca/hierarchy/initialise.ts')
  const { hierarchyWish, summary } = await import('./init.ts')
  const { publicUrl } = options
  const given = { ...HIERARCHY_DEFAULTS, dir: config.dir, ...(publicUrl ? { publicUrl } : {}) }
  const wish = await hierarchyWish(given, config.publicUrl, terminal)
  // Most of it is scrypt, in other threads: this one has the time to load the service and to register its routes.
  const making = initialise(wish)
  const prepared = prepare(wish.passphrase)
  // Where one fails, the other must not go on behind its back; and what was made has to be told of.
  await Promise.allSettled([making, prepared])
  const made = await making
  if (!options.json) terminal.stdout(`${summary(made, {})}\n`)
  return prepared
}

function passphraseOf({ passphrase }: Secrets): string {
  if (passphrase !== null) return passphrase
  throw new Failure(
    EXIT.usage,
    'The passphrase of the keys is missing: set CHANCERY_PASSPHRASE_FILE, or put the file "passphrase" back into the data directory.',
  )
}

function overridesFrom({ dir, host, tlsPort, httpPort, publicUrl }: ServeOptions): Overrides {
  const given = Object.entries({ host, tlsPort: port(tlsPort), httpPort: port(httpPort), publicUrl })
  return { dir, ...Object.fromEntries(given.filter(([, value]) => value !== undefined)) }
}

/** What is no number stays text, for the configuration's own check to refuse. */
function port(text: string | undefined): number | string | undefined {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : text
}

/** The variables with which another command, started in the same directory, finds this service. */
function variablesFor(config: Config, tlsUrl: string): Record<string, string> {
  const { dir, host } = config
  const variables: Record<string, string> = {}
  const tlsPort = new URL(tlsUrl).port || '443'
  if (dir !== resolve('./data')) variables.CHANCERY_DIR = dir
  if (tlsPort !== '8443') variables.CHANCERY_TLS_PORT = tlsPort
  if (host !== '127.0.0.1') variables.CHANCERY_HOST = host
  return variables
}
