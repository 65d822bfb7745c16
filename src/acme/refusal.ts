import { CaError, type ErrorCode } from '../errors.ts'
import { identifierOf } from './identifier.ts'
import { AcmeError, type AcmeErrorType, type AcmeIdentifier } from './problem.ts'

/** What the domain's refusals are in ACME's words. What is not here is no fault of the client. */
const TYPES: Partial<Record<ErrorCode, AcmeErrorType>> = {
  malformedRequest: 'malformed',
  bodyTooLarge: 'malformed',
  unsupportedMediaType: 'malformed',
  notFound: 'malformed',
  badName: 'malformed',
  nameNotAllowed: 'rejectedIdentifier',
  unknownProfile: 'invalidProfile',
  validityNotAllowed: 'malformed',
  malformedCsr: 'badCSR',
  malformedPem: 'badCSR',
  badCsrSignature: 'badCSR',
  unsupportedAlgorithm: 'badCSR',
  weakKey: 'badCSR',
  keyNotAllowed: 'badCSR',
  extensionNotAllowed: 'badCSR',
  unauthenticated: 'unauthorized',
  forbidden: 'unauthorized',
  certificateRevoked: 'alreadyRevoked',
  certificateExpired: 'unauthorized',
  rateLimited: 'rateLimited',
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  bodyTooLarge: 413,
  unsupportedMediaType: 415,
  notFound: 404,
  unauthenticated: 401,
}

/** What passes, or what an admin has to see to, as where the authority of a profile does not issue. */
const NOT_NOW: ReadonlySet<ErrorCode> = new Set([
  'storeFailed',
  'overloaded',
  'authorityNotReady',
  'unknownAuthority',
  'conflict',
])

/** What any thrown value becomes; the cause of a 500 is for the log alone. */
export function asAcmeError(error: unknown): AcmeError {
  if (error instanceof AcmeError) return error
  if (!(error instanceof CaError)) return new AcmeError('serverInternal', 'Internal error.', { cause: error })
  const { code, detail } = error
  if (NOT_NOW.has(code)) {
    return new AcmeError('serverInternal', detail, {
      status: 503,
      retryAfter: error.retryAfter ?? 5,
      cause: error,
    })
  }
  if (code === 'notSupported') {
    return new AcmeError('serverInternal', detail, { status: 501, cause: error })
  }
  const type = TYPES[code]
  if (!type) return new AcmeError('serverInternal', 'Internal error.', { cause: error })
  const status = STATUS[code]
  return new AcmeError(type, detail, {
    cause: error,
    ...(status === undefined ? {} : { status }),
    ...(type === 'rejectedIdentifier' ? { subproblems: rejections(error) } : {}),
  })
}

/** One for each name (RFC 8555 6.7.1), of a single one too: certbot orders the others by it (`--allow-subset-of-names`). */
function rejections({ subproblems }: CaError) {
  return subproblems.flatMap(({ subject, detail }) => {
    const identifier: AcmeIdentifier | null = subject ? identifierOf(subject) : null
    return identifier ? [{ type: 'rejectedIdentifier' as const, detail, identifier }] : []
  })
}
