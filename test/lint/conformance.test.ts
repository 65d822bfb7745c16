import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { BUILT_IN_PROFILES } from '../../src/config/built-in-profiles.ts'
import { EXPLAINED, explains } from './explained.ts'
import { type Finding, pkilint, pkilintPython, type Specimen, type SpecimenKind } from './pkilint.ts'
import { allSpecimens } from './specimens/all.ts'
import { faultySpecimens } from './specimens/faulty.ts'
import { CUSTOM_PROFILES, LINTED_PROFILES } from './specimens/leaves.ts'

interface Found {
  readonly specimen: Specimen
  readonly finding: Finding
}

/** Two RSA-4096 keys take a while on a busy machine. Milliseconds. */
const PATIENCE = 300_000

const python = pkilintPython()

describe.skipIf(python === null)('pkilint', () => {
  let specimens: Specimen[]
  let found: Found[]

  beforeAll(async () => {
    specimens = await allSpecimens()
    found = lint(specimens)
  }, PATIENCE)

  test.each<[SpecimenKind, number]>([
    ['certificate', 60],
    ['chain', 60],
    ['crl', 21],
    ['arl', 9],
    ['ocsp', 25],
  ])('finds nothing unexplained in any %s', (kind, least) => {
    expect(specimens.filter((one) => one.kind === kind).length).toBeGreaterThanOrEqual(least)
    const unexplained = found.filter(
      ({ specimen, finding }) =>
        specimen.kind === kind && !EXPLAINED.some((entry) => explains(entry, specimen, finding)),
    )
    expect(unexplained.map(describeFound)).toEqual([])
  })

  test.each(EXPLAINED)('$code is still found for $what', (entry) => {
    expect(found.some(({ specimen, finding }) => explains(entry, specimen, finding))).toBe(true)
  })

  test('finds the faults of documents that have some', () => {
    const faulty = faultySpecimens(specimens)
    const codes = lint(faulty).map(({ specimen, finding }) => [specimen.kind, finding.code])
    expect(codes).toEqual(
      expect.arrayContaining([
        ['certificate', 'pkix.authority_key_identifier_extension_absent'],
        ['chain', 'pkix.issuer_and_subject_dn_not_binary_equal'],
        ['chain', 'pkix.signature_verification_failed'],
        ['crl', 'pkix.crl_number_missing'],
        ['arl', 'unreadable'],
        ['ocsp', 'pkix.ocsp_response_status_code_4'],
      ]),
    )
  })

  /** What is above INFO. */
  function lint(documents: readonly Specimen[]): Found[] {
    return pkilint(python!, documents).flatMap((findings, number) =>
      findings
        .filter(({ severity }) => severity !== 'INFO' && severity !== 'DEBUG')
        .map((finding) => ({ specimen: documents[number]!, finding })),
    )
  }
})

test('every profile is linted', () => {
  expect([...LINTED_PROFILES].sort()).toEqual(
    [...Object.keys(BUILT_IN_PROFILES), ...Object.keys(CUSTOM_PROFILES)].sort(),
  )
})

test('docs/conformance.md explains the same findings as the table', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/conformance.md'), 'utf8')
  const rows = [...text.matchAll(/^\| `(pkix\.\w+)` \| ([^|]+) \|/gm)].map(([, code, what]) => [
    code,
    what!.trim(),
  ])
  expect(rows).toEqual(EXPLAINED.map(({ code, what }) => [code, what]))
})

function describeFound({ specimen, finding }: Found): string {
  const { severity, code, message, node } = finding
  return `${specimen.kind} "${specimen.name}": ${severity} ${code} ${message ?? ''} at ${node}`
}
