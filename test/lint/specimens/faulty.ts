import { encodeExtensions, EXTENSION } from '../../../src/pki/certificate/extensions.ts'
import { context, sequence } from '../../../src/pki/der/write.ts'
import { DerReader } from '../../../src/pki/der/read.ts'
import type { Specimen, SpecimenKind } from '../pkilint.ts'

console.log(encodeExtensions, EXTENSION, context, sequence, DerReader)
export function faultySpecimens(_good: readonly Specimen[]): Specimen[] { return [] }
