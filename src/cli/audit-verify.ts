import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { Command } from 'commander'
import { headsIn, verifyExport } from '../ca/audit-chain/export.ts'
import type { ChainVerdict } from '../ca/audit-chain/verifier.ts'
import { verifyDatabase } from '../ca/audit-chain/verify-database.ts'
import { rfc3339 } from '../clock.ts'
import { dataFiles } from '../config/data-directory.ts'
import { dataDirectory } from '../config/load.ts'
import { decodePem } from '../pki/pem.ts'
import { openAuditLog } from './audit-log.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { facts } from './layout.ts'
import { print, type Terminal } from './terminal.ts'

interface VerifyOptions {
  readonly dir?: string
  readonly file?: string
  readonly heads?: string
  readonly root?: string
  readonly json?: boolean
}

export function auditVerifyCommand(terminal: Terminal): Command {
  return new Command('verify')
    .description(
      'Find rows of the audit log that were removed, altered, put in or moved, and an end that was cut off',
    )
    .option('--file <export>', 'an export, instead of the data directory, whose service may run')
    .option(
      '--heads <export>',
      'an older export that was kept elsewhere: what was signed in it must still hold',
    )
    .option('--root <file>', 'PEM file with the roots that prove the signatures (<dir>/root.pem)')
    .option('--dir <directory>', 'data directory (CHANCERY_DIR, ./data)')
    .option('--json', 'machine-readable output: one JSON document')
    .action(async (options: VerifyOptions) => {
      if (options.file !== undefined && options.heads !== undefined)
        throw new Failure(EXIT.usage, '--heads goes with the data directory, not with --file.')
      const roots = readRoots(options, terminal)
      const verdict = await (options.file === undefined
        ? ofDatabase(roots, options, terminal)
        : verifyExport(linesOf(options.file), roots))
      const { signedAt, ...rest } = verdict
      const shown = { ...rest, signedAt: signedAt === null ? null : rfc3339(signedAt) }
      print(terminal, options.json, { ok: verdict.faultCount === 0, ...shown }, () => report(verdict))
      if (verdict.faultCount > 0)
        throw new Failure(
          EXIT.failed,
          `The audit log is not what the service wrote: ${verdict.faults[0]!.detail}`,
        )
    })
}

async function ofDatabase(
  roots: readonly Buffer[],
  options: VerifyOptions,
  terminal: Terminal,
): Promise<ChainVerdict> {
  const kept = options.heads === undefined ? undefined : await headsIn(linesOf(options.heads))
  const source = openAuditLog(options, terminal)
  try {
    return await verifyDatabase(source, roots, kept)
  } finally {
    source.close()
  }
}

/** By line feeds alone: Node's own reader of lines ends one at U+2028 too, which stands in texts as it is. */
async function* linesOf(file: string): AsyncGenerator<string> {
  const handle = await open(file).catch((cause: unknown) => {
    throw new Failure(EXIT.usage, `The export ${file} cannot be read.`, { cause })
  })
  let rest = ''
  for await (const part of handle.createReadStream({ encoding: 'utf8' })) {
    const lines = `${rest}${part}`.split('\n')
    rest = lines.pop()!
    yield* lines
  }
  if (rest !== '') yield rest
}

function readRoots({ root, dir }: VerifyOptions, terminal: Terminal): Buffer[] {
  const file = root ?? dataFiles(dataDirectory(terminal.environment, dir)).root
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new Failure(EXIT.usage, `The root at ${file} cannot be read: name its file with --root.`, { cause })
  }
  return decodePem(text, file).map(({ der }) => der)
}

function report({
  rows,
  newest,
  hash,
  heads,
  signedThrough,
  signedAt,
  faults,
  faultCount,
}: ChainVerdict): string {
  const summary = facts([
    ['Rows', `${rows}, the newest ${newest}`],
    ['Hash', hash],
    ['Signed heads', String(heads)],
    ['Signed up to', signedAt === null ? 'none' : `row ${signedThrough}, ${rfc3339(signedAt)}`],
    ['Faults', String(faultCount)],
  ])
  return summary + faults.map(({ detail }) => `  ${detail}\n`).join('')
}
