import { existsSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { Client, type ServiceAddress } from '../client/client.ts'
import { dataFiles } from '../config/data-directory.ts'
import type { Environment } from '../config/environment.ts'
import { dataDirectory, loadOptions } from '../config/load.ts'
import { readSecretFile } from '../config/secret-file.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'

export interface ServiceOptions {
  readonly dir?: string
  readonly url?: string
  readonly root?: string
  readonly keyFile?: string
  readonly json?: boolean
}

/** The options of every command that talks to the service. */
export function addServiceOptions(command: Command): Command {
  return command
    .option('--dir <directory>', 'data directory, where root and admin key are found (CHANCERY_DIR, ./data)')
    .option(
      '--url <url>',
      'address of the service, if it is not on this machine: https://ca.example.test:8443',
    )
    .option('--root <file>', 'PEM file with the root that proves the service (<dir>/root.pem)')
    .option('--key-file <file>', 'file with the admin key (<dir>/admin.key)')
    .option('--json', 'machine-readable output: one JSON document')
}

/** A client with the admin key. */
export function adminClient(options: ServiceOptions, environment: Environment): Client {
  const address = serviceAddress(options, environment)
  return new Client(address, { bearer: adminKey(options, environment) })
}

export function adminKey(options: ServiceOptions, environment: Environment): string {
  const file = options.keyFile ?? dataFiles(dataDirectory(environment, options.dir)).adminKey
  if (!existsSync(file)) {
    throw new Failure(
      EXIT.notAllowed,
      `There is no admin key at ${file}: name its file with --key-file, or the data directory with --dir.`,
    )
  }
  return readSecretFile(file, 'The admin key file')
}

/** From --url, or from host and port in the configuration; roots from --root, or from the data directory. */
export function serviceAddress(options: ServiceOptions, environment: Environment): ServiceAddress {
  const roots = readRoots(options.root ?? dataFiles(dataDirectory(environment, options.dir)).root)
  if (options.url !== undefined) return { url: serviceUrl(options.url), roots }
  const { host, tlsPort, tls } = loadOptions(environment, { dir: options.dir })
  const connectTo = reachable(host)
  // Whatever address it listens on, the service's certificate has the name localhost, unless name constraints of its authority
  // leave that away: then one of the others that it gives itself.
  const otherNames = [connectTo, ...tls.names]
  return { url: new URL(`https://localhost:${tlsPort}`), connectTo, otherNames, roots }
}

function serviceUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol !== 'https:') {
    throw new Failure(
      EXIT.usage,
      `--url must be an https:// address such as https://ca.example.test:8443, and is "${text}".`,
    )
  }
  return url
}

function readRoots(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Failure(
      EXIT.usage,
      `The root certificate at ${file} cannot be read. Name it with --root, or the data directory with --dir; "chancery bundle fetch" fetches it by its fingerprint.`,
      { cause: error },
    )
  }
}

/** An address that "every interface" can be reached at. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}
