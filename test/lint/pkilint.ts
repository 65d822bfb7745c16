import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

export type SpecimenKind = 'certificate' | 'chain' | 'crl' | 'arl' | 'ocsp'

/** Something to lint. */
export interface Specimen {
  readonly kind: SpecimenKind
  /** What it is, for people, and for the table of explained findings. */
  readonly name: string
  /** DER; for a chain the issuer, then the subject. */
  readonly files: readonly Buffer[]
}

export interface Finding {
  readonly severity: 'FATAL' | 'ERROR' | 'WARNING' | 'NOTICE' | 'INFO' | 'DEBUG'
  readonly code: string
  readonly message: string | null
  /** Where in the document: "certificate.tbsCertificate.extensions". */
  readonly node: string
}

const COMMAND = 'lint_pkix_cert'

/**
 * The Python that pkilint is installed for: the one that its command names in its first line. The command is looked for in
 * PKILINT_BIN, else on PATH. Null where it is missing and that is acceptable: on a developer's machine, never in CI.
 */
export function pkilintPython(): string | null {
  const folders = process.env.PKILINT_BIN
    ? [process.env.PKILINT_BIN]
    : (process.env.PATH ?? '').split(delimiter)
  for (const folder of folders) {
    const python = interpreterOf(join(folder, COMMAND))
    if (python) return python
  }
  if (process.env.CI) throw new Error('pkilint must be installed where CI is set: pip install pkilint')
  return null
}

function interpreterOf(command: string): string | null {
  try {
    return /^#!(\S+)/.exec(readFileSync(command, 'utf8'))?.[1] ?? null
  } catch {
    return null
  }
}

/** What pkilint finds in each specimen, in their order. */
export function pkilint(python: string, specimens: readonly Specimen[]): Finding[][] {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-lint-'))
  try {
    const jobs = specimens.map(({ kind, files }, number) => ({
      kind,
      files: files.map((der, part) => {
        const file = join(folder, `${number}-${part}.der`)
        writeFileSync(file, der)
        return file
      }),
    }))
    const script = join(import.meta.dirname, 'lint.py')
    const done = spawnSync(python, [script], {
      input: JSON.stringify(jobs),
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    if (done.status !== 0) throw done.error ?? new Error(`lint.py: ${done.stderr}`)
    return JSON.parse(done.stdout) as Finding[][]
  } finally {
    rmSync(folder, { recursive: true })
  }
}
