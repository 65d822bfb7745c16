import { Command } from 'commander'
import { fetchPinnedRoot } from '../client/pinned-root.ts'
import { loadOptions } from '../config/load.ts'
import { readFingerprint } from '../pki/certificate/fingerprint.ts'
import { writeFiles } from '../write-files.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { print, type Terminal } from './terminal.ts'

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
  const wanted = readFingerprint(options.fingerprint)
  if (wanted === null) {
    throw new Failure(
      EXIT.usage,
      '--fingerprint must be a SHA-256: 64 hexadecimal digits, with or without colons.',
    )
  }
  const content = await fetchPinnedRoot(baseUrl(options, terminal), wanted)
  writeFiles([{ path: options.out, content, mode: 0o644 }])
  print(
    terminal,
    options.json,
    { fingerprint: wanted, file: options.out },
    () => `Wrote ${options.out}: the fingerprint matches.\n`,
  )
}

function baseUrl(options: FetchOptions, terminal: Terminal): URL {
  const base = options.url ?? loadOptions(terminal.environment, { dir: options.dir }).publicUrl ?? ''
  const url = URL.canParse(base) ? new URL(base) : null
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new Failure(
      EXIT.usage,
      `--url must be an address such as http://ca.example.test:8080, and is "${base}".`,
    )
  }
  return url
}
