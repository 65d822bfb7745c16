import { type CaaRequest, checkCaa } from './caa.ts'
import type { ValidationContext } from './context.ts'
import { Deadline } from './deadline.ts'
import { validateDns01 } from './dns-01.ts'
import { validateDnsAccount01 } from './dns-account-01.ts'
import { validateDnsPersist01 } from './dns-persist-01.ts'
import { ValidationFailure } from './failure.ts'
import { validateHttp01 } from './http-01.ts'
import type { Challenge, ChallengeType } from './key-authorization.ts'
import { validateTlsAlpn01 } from './tls-alpn-01.ts'

type Method = (challenge: Challenge, context: ValidationContext, deadline: Deadline) => Promise<number | null>

/** A method whose success has no end of its own. */
function lasting(validate: (...of: Parameters<Method>) => Promise<void>): Method {
  return async (...of) => {
    await validate(...of)
    return null
  }
}

const METHODS: Readonly<
  Record<
    ChallengeType,
    { readonly validate: Method; readonly wildcards: boolean; readonly addresses: boolean }
  >
> = {
  // RFC 8555 8.3, RFC 8737 3: neither proves more than the one host.
  'http-01': { validate: lasting(validateHttp01), wildcards: false, addresses: true },
  'tls-alpn-01': { validate: lasting(validateTlsAlpn01), wildcards: false, addresses: true },
  // RFC 8738 7: what is below an address in DNS is not used.
  'dns-01': { validate: lasting(validateDns01), wildcards: true, addresses: false },
  'dns-account-01': { validate: lasting(validateDnsAccount01), wildcards: true, addresses: false },
  'dns-persist-01': { validate: validateDnsPersist01, wildcards: true, addresses: false },
}

export interface Validated {
  /** Seconds since 1970 that the authorization must not outlive (dns-persist-01's persistUntil); null for none. */
  readonly until: number | null
}

/** Whether a challenge of this type can prove the identifier; others must not be offered. */
export function suits(
  type: ChallengeType,
  { identifier, wildcard }: Pick<Challenge, 'identifier' | 'wildcard'>,
): boolean {
  const { wildcards, addresses } = METHODS[type]
  return (wildcards || !wildcard) && (addresses || identifier.type === 'dns')
}

/**
 * Looks whether the challenge is met and, where the context has it on, whether CAA allows the name; both within the context's
 * timeout. Throws `ValidationFailure` where not (`isTransient` says whether again may help), and the signal's reason where that
 * ends it. Either way no socket stays open.
 */
export function validateChallenge(
  challenge: Challenge,
  context: ValidationContext,
  signal?: AbortSignal,
): Promise<Validated> {
  return within(context, signal, async (deadline) => {
    const { type, identifier, wildcard, accountUrl } = challenge
    if (!suits(type, challenge)) {
      const name = wildcard ? `*.${identifier.value}` : identifier.value
      throw new ValidationFailure('malformed', `${type} cannot prove ${name}.`, 'final')
    }
    const until = await METHODS[type].validate(challenge, context, deadline)
    if (context.caa) await checkCaa({ identifier, wildcard, accountUrl, method: type }, context, deadline)
    return { until }
  })
}

/**
 * CAA alone, for a name whose control was proven earlier or by a domain above it (RFC 9444): the records may have changed, and
 * those of the name itself count. Does nothing where the context has CAA off.
 */
export async function validateCaa(
  request: CaaRequest,
  context: ValidationContext,
  signal?: AbortSignal,
): Promise<void> {
  if (context.caa) await within(context, signal, (deadline) => checkCaa(request, context, deadline))
}

async function within<T>(
  { timeout }: ValidationContext,
  signal: AbortSignal | undefined,
  work: (deadline: Deadline) => Promise<T>,
): Promise<T> {
  const deadline = new Deadline(timeout, signal)
  try {
    return await work(deadline)
  } finally {
    deadline.close()
  }
}
