import { rfc3339 } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import { decodePem, encodePem } from '../../pki/pem.ts'
import { CHAIN_START } from '../../store/chain-hash.ts'
import type { AuditHeadRow, ChainRow } from '../../store/queries.ts'
import { type AuditSource, type SignerChain, STEP, signerChain } from './source.ts'
import { type ChainVerdict, ChainVerifier } from './verifier.ts'

/**
 * The audit log as JSON lines: where it begins, each row with its hash, the heads that were signed behind their rows, the
 * certificates of their signers before the first of each, and at last how far it went.
 */
export async function* exportAudit(source: AuditSource, after = 0): AsyncGenerator<string> {
  const through = (await source.newestAudit())?.id ?? 0
  const before = after === 0 ? undefined : (await source.auditChain(after - 1, after, 1))[0]
  if (after !== 0 && !before) throw new CaError('notFound', `The audit log has no row ${after}.`)
  let hash = before?.hash ?? CHAIN_START
  yield line({ type: 'start', format: 1, after, hash })
  const signers = new Set<string>()
  for (let done = after; done < through; ) {
    const rows = await source.auditChain(done, through, STEP)
    const end = rows.at(-1)?.id ?? through
    const heads = Map.groupBy(await source.auditHeads(done, end), ({ row }) => row)
    let text = ''
    for (const row of rows) {
      text += rowLine(row)
      for (const head of heads.get(row.id) ?? []) {
        const signer = signers.has(head.certificate) ? null : await signerChain(head.certificate, source)
        if (signer) text += signerLine(signer)
        signers.add(head.certificate)
        text += line({ type: 'head', ...head, signedAt: rfc3339(head.signedAt) })
      }
      hash = row.hash ?? hash
    }
    yield text
    done = end
  }
  yield line({ type: 'end', row: Math.max(through, after), hash })
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`
}

/** The detail as it is stored, since the hash is over its text. */
function rowLine({ at, detail, hash, ...rest }: ChainRow): string {
  const time = new Date(at)
  // What somebody put there may be no time.
  const shown = Number.isNaN(time.getTime()) ? at : time.toISOString()
  const facts = JSON.stringify({ type: 'row', ...rest, at: shown })
  return `${facts.slice(0, -1)},"detail":${detail},"hash":${JSON.stringify(hash)}}\n`
}

function signerLine({ serialNumber, certificate, above, revokedAt }: SignerChain): string {
  const [pem, ...chain] = [certificate, ...above].map((der) => encodePem('CERTIFICATE', der))
  const revoked = revokedAt === null ? {} : { revokedAt: rfc3339(revokedAt) }
  return line({ type: 'certificate', serialNumber, certificate: pem, chain, ...revoked })
}

/** Proves an export, line by line. `roots`: DER. Throws `CaError` "malformedRequest" for what is none. */
export async function verifyExport(
  lines: AsyncIterable<string>,
  roots: readonly Buffer[],
): Promise<ChainVerdict & { readonly after: number }> {
  let verifier: ChainVerifier | null = null
  let after = 0
  let end: { row: number; hash: string } | null = null
  let number = 0
  for await (const text of lines) {
    number++
    if (text.trim() === '') continue
    const value = parsed(text, number)
    if (value.type === 'start') {
      if (verifier) throw malformed(number)
      after = Number(value.after)
      verifier = new ChainVerifier(roots, { after, hash: String(value.hash) })
      continue
    }
    if (!verifier || end) throw malformed(number)
    if (value.type === 'row') verifier.row(readRow(value))
    else if (value.type === 'certificate') verifier.signer(readSigner(value, number))
    else if (value.type === 'head') verifier.head(readHead(value, number))
    else if (value.type === 'end') end = { row: Number(value.row), hash: String(value.hash) }
    else throw malformed(number)
  }
  if (!verifier) throw malformed(number)
  const verdict = verifier.finish()
  if (end?.row === verdict.newest && end.hash === verdict.hash) return { ...verdict, after }
  const detail =
    end === null
      ? `The export ends early, with row ${verdict.newest}.`
      : `The export ends with row ${verdict.newest}, and says that it goes to row ${end.row}.`
  const fault = { row: verdict.newest, kind: 'truncated' as const, detail }
  return { ...verdict, after, faults: [...verdict.faults, fault], faultCount: verdict.faultCount + 1 }
}

/** The heads alone, of an export that was kept elsewhere. */
export async function headsIn(
  lines: AsyncIterable<string>,
): Promise<{ heads: AuditHeadRow[]; signers: SignerChain[] }> {
  const found: { heads: AuditHeadRow[]; signers: SignerChain[] } = { heads: [], signers: [] }
  let number = 0
  for await (const text of lines) {
    number++
    if (!/"type":"(head|certificate)"/.test(text)) continue
    const value = parsed(text, number)
    if (value.type === 'head') found.heads.push(readHead(value, number))
    if (value.type === 'certificate') found.signers.push(readSigner(value, number))
  }
  return found
}

type Line = Record<string, unknown>

function parsed(text: string, number: number): Line {
  try {
    const value = JSON.parse(text) as unknown
    if (typeof value === 'object' && value !== null) return value as Line
  } catch {
    // Said below.
  }
  throw malformed(number)
}

function malformed(number: number): CaError {
  return new CaError('malformedRequest', `Line ${number} is none of an export of the audit log.`)
}

function readRow({ id, at, detail, hash, ...rest }: Line): ChainRow {
  const text = (key: string) => String(rest[key])
  return {
    ...{
      id: Number(id),
      at: typeof at === 'number' ? at : Date.parse(String(at)),
      detail: JSON.stringify(detail),
    },
    ...{ actor: text('actor'), address: text('address'), requestId: text('requestId') },
    ...{ action: text('action'), target: text('target'), result: text('result') },
    hash: hash === null ? null : String(hash),
  }
}

function readHead({ row, hash, signedAt, certificate, signature }: Line, number: number): AuditHeadRow {
  return {
    ...{ row: Number(row), hash: String(hash), certificate: String(certificate) },
    signedAt: readTime(signedAt, number),
    signature: String(signature),
  }
}

function readTime(text: unknown, number: number): number {
  const time = Date.parse(String(text)) / 1000
  if (Number.isNaN(time)) throw malformed(number)
  return time
}

function readSigner({ serialNumber, certificate, chain, revokedAt }: Line, number: number): SignerChain {
  const der = (pem: unknown) => decodePem(String(pem), 'certificate')[0]?.der ?? Buffer.alloc(0)
  return {
    serialNumber: String(serialNumber),
    certificate: der(certificate),
    above: Array.isArray(chain) ? chain.map(der) : [],
    revokedAt: revokedAt === undefined ? null : readTime(revokedAt, number),
  }
}
