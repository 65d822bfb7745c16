import { onTestFinished } from 'vitest'
import {
  type ValidationContext,
  type ValidationOptions,
  validationContext,
} from '../../../src/acme/validation/context.ts'
import { isTransient, ValidationFailure } from '../../../src/acme/validation/failure.ts'
import type { Challenge, ChallengeType } from '../../../src/acme/validation/key-authorization.ts'
import { type DnsServer, type DnsServerOptions, startDnsServer, type Zone } from './dns-server.ts'

export const NAME = 'web.example.test'
export const NOW = new Date('2026-11-27T12:00:00Z')
export const ACCOUNT_URL = 'https://ca.example/acct/123'
/** RFC 7638 3.1, which the drafts take for their examples too. */
export const THUMBPRINT = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'
const TOKEN = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA'
export const KEY_AUTHORIZATION = `${TOKEN}.${THUMBPRINT}`

export function challenge(type: ChallengeType, more: Partial<Challenge> = {}): Challenge {
  return {
    type,
    token: TOKEN,
    identifier: { type: 'dns', value: NAME },
    wildcard: false,
    thumbprint: THUMBPRINT,
    accountUrl: ACCOUNT_URL,
    ...more,
  }
}

/** A DNS server for one test. */
export async function dnsFor(zone: Zone, options?: DnsServerOptions): Promise<DnsServer> {
  const server = await startDnsServer(zone, options)
  onTestFinished(() => server.close())
  return server
}

/** A context that asks this server, without CAA unless it is wanted. */
export function contextOf(dns: DnsServer, options: Partial<ValidationOptions> = {}): ValidationContext {
  return validationContext({
    clock: () => NOW,
    resolvers: [dns.address],
    issuerDomains: ['ca.example'],
    accountHashPrefix: 'https://ca.example/account-hash/',
    ...options,
  })
}

/** "type retry: detail" of what a validation fails with. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    if (!(error instanceof ValidationFailure)) throw error
    if (isTransient(error) !== (error.retry !== 'final')) throw new Error('isTransient disagrees')
    // What a client prints, and what is stored: in one line, and not without end.
    if (/\p{C}/u.test(error.detail) || error.detail.length > 1000) throw new Error('unprintable')
    return `${error.type} ${error.retry}: ${error.detail}`
  }
  throw new Error('nothing failed')
}
