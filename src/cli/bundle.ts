import { Command } from 'commander'
import { fingerprint } from '../ca/authorities.ts'
import { loadOptions } from '../config/load.ts'
import { decodePem, encodePem } from '../pki/pem.ts'
import { EXIT, exitCodeFor } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { print, type Terminal } from './terminal.ts'
import { exchange } from './transport.ts'
import { writeFiles } from './write-files.ts'

interface FetchOptions {
  readonly url?: string
  readonly fingerprint: string
  readonly out: string
  readonly dir?: string
  readonly json?: boolean
}

export function bundleCommand(terminal: Terminal): Command {
  const fetch = new Command('fetch')
    .description('Fetch a root that is known by its fingerprint alone, compare, and write it')
    .requiredOption('--fingerprint <sha256>', 'SHA-256 of the root certificate; colons are fine')
    .requiredOption('--out <file>', 'PEM file to write')
    .option('--url <url>', 'address of the plain listener: http://ca.example.test:8080')
    .option('--dir <directory>', 'data directory, for the port if there is no --url')
    .option('--json', 'machine-readable output: one JSON document')
    .action((options: FetchOptions) => fetchRoot(options, terminal))
  return new Command('bundle').description('Trust anchors').addCommand(fetch)
}

async function fetchRoot(options: FetchOptions, terminal: Terminal): Promise<void> {
  const wanted = options.fingerprint.replaceAll(':', '').toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(wanted)) {
    throw new Failure(
      EXIT.usage,
      '--fingerprint must be a SHA-256: 64 hexadecimal digits, with or without colons.',
    )
  }
  const url = rootUrl(options, wanted, terminal)
  const answer = await exchange({
    url,
    method: 'GET',
    headers: { accept: 'application/x-pem-file' },
    // Who answers does not matter: the fingerprint alone decides.
    connection: url.protocol === 'https:' ? { rejectUnauthorized: false } : {},
  })
  if (answer.status === 404) {
    throw new Failure(
      EXIT.notFound,
      `${url.origin} has no root with this fingerprint. Compare it with what the service prints at its start.`,
    )
  }
  if (answer.status !== 200)
    throw new Failure(exitCodeFor(answer.status), `${url.origin} answered with HTTP status ${answer.status}.`)
  const root = onlyCertificate(answer.body)
  const found = fingerprint(root)
  if (found !== wanted) {
    throw new Failure(
      EXIT.failed,
      `${url.origin} sent a certificate with another fingerprint, ${found}. Nothing was written: do not trust it.`,
    )
  }
  writeFiles([{ path: options.out, content: encodePem('CERTIFICATE', root), mode: 0o644 }])
  print(
    terminal,
    options.json,
    { fingerprint: found, file: options.out },
    () => `Wrote ${options.out}: the fingerprint matches.\n`,
  )
}

function rootUrl(options: FetchOptions, sha256: string, terminal: Terminal): URL {
  const base = options.url ?? loadOptions(terminal.environment, { dir: options.dir }).publicUrl ?? ''
  const url = URL.canParse(base) ? new URL(base) : null
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new Failure(
      EXIT.usage,
      `--url must be an address such as http://ca.example.test:8080, and is "${base}".`,
    )
  }
  return new URL(`${url.pathname.replace(/\/+$/, '')}/roots/${sha256}`, url)
}

/** PEM with a single certificate, or the certificate's DER. */
function onlyCertificate(body: Buffer): Buffer {
  if (body[0] === 0x30) return body
  const blocks = decodePem(body.toString('latin1'), 'answer')
  if (blocks.length !== 1 || blocks[0]!.label !== 'CERTIFICATE') {
    throw new Failure(EXIT.failed, 'The answer is not one certificate. Nothing was written.')
  }
  return blocks[0]!.der
}
