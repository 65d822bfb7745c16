import { status } from '@grpc/grpc-js'
import { CaError, type ErrorCode } from '../../errors.ts'

/** How a call ends that is refused, as the library wants it. */
export type Refusal = Error & { readonly code: status; readonly details: string }

const STATUS: Partial<Record<ErrorCode, status>> = {
  malformedRequest: status.INVALID_ARGUMENT,
  badName: status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  certificateRevoked: status.UNAUTHENTICATED,
  certificateExpired: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  notFound: status.NOT_FOUND,
  conflict: status.FAILED_PRECONDITION,
  authorityNotReady: status.UNAVAILABLE,
  storeFailed: status.UNAVAILABLE,
  overloaded: status.UNAVAILABLE,
}

/** What a caller hears of it: of a fault of the service, nothing. */
export function grpcError(error: unknown): Refusal {
  const code = (error instanceof CaError && STATUS[error.code]) || status.INTERNAL
  const details = error instanceof CaError && code !== status.INTERNAL ? error.detail : 'Internal error.'
  return Object.assign(new Error(details), { code, details })
}
