import { fetchStaple } from '../client/staple.ts'
import { fetchCrls, fetchRoots } from '../client/trust.ts'
import { epochSeconds, rfc3339 } from '../clock.ts'
import { CaError } from '../errors.ts'
import { makeFiles } from './material.ts'
import { ConsumerAway } from './notify/away.ts'
import { describe, outstanding, tell } from './notify/notify.ts'
import { hasNames, obtain } from './obtain.ts'
import { fetchSuggestion } from './renewal.ts'
import type { Situation } from './situation.ts'

/** When to do the same again, seconds from now; null where the situation says. */
export type Again = { readonly after: number; readonly isWait?: boolean } | null

/** RFC 9773 4.3: what the CA says is taken within these. Seconds. */
const SUGGESTION_AFTER = { least: 60, most: 86_400, unknown: 6 * 3600 }
/** What is fetched again is fetched no sooner. Seconds. */
const LEAST_REFRESH = 5

/** A first certificate, or a new one in place of the one that there is. */
export async function obtainCertificate(situation: Situation): Promise<Again> {
  const { config, log, state, timing } = situation.context
  const before = situation.identity
  const wasRevoked = situation.isRevoked
  const obtained = await obtain(before, situation.context)
  if (obtained.outcome === 'pending') {
    const { requestId, retryAfter } = obtained
    if (!situation.isWaiting)
      log.info({ event: 'waits', certificate: config.id, request: requestId }, 'waits for approval')
    situation.isWaiting = true
    return { after: retryAfter, isWait: true }
  }
  const { identity, by } = obtained
  const now = epochSeconds(timing.clock())
  situation.isWaiting = false
  situation.identity = identity
  situation.window = null
  situation.isUrgent = wasRevoked || (before !== null && now > before.leaf.notAfter)
  state.remember({ lastRenewal: now })
  const { serialNumber, notAfter } = identity.leaf
  const event = before ? 'renewed' : 'enrolled'
  const replaces = before ? { replaces: before.leaf.serialNumber } : {}
  const facts = { certificate: config.id, by, serialNumber, ...replaces, notAfter: rfc3339(notAfter) }
  log.info({ event, ...facts }, event)
  if (!hasNames(identity, config))
    log.warn({ event: 'other-names', certificate: config.id, serialNumber }, 'its names are not those wanted')
  return null
}

export async function askForSuggestion(situation: Situation): Promise<Again> {
  const { services, refresh } = situation.context
  const { leaf } = situation.identity!
  const found = await services.ask({}, (client) => fetchSuggestion(client, leaf))
  situation.window = found?.window ?? null
  const { least, most, unknown } = SUGGESTION_AFTER
  const asked = found?.retryAfter ?? Math.max(unknown, refresh)
  return { after: Math.min(most, Math.max(least, asked)) }
}

export async function refreshStaple(situation: Situation): Promise<Again> {
  const { config, services, state, timing, log } = situation.context
  const { leaf, issuer } = situation.identity!
  const now = epochSeconds(timing.clock())
  const { der, status, nextUpdate } = await services.ask({}, (client) =>
    fetchStaple(client, leaf, issuer, now),
  )
  if (typeof status === 'object' && !situation.isRevoked) {
    state.remember({ revoked: leaf.serialNumber })
    log.error({ event: 'revoked', certificate: config.id, serialNumber: leaf.serialNumber }, 'is revoked')
  } else if (status === 'good' && situation.isRevoked) {
    // It was on hold.
    state.remember({ revoked: null })
    log.info({ event: 'released', certificate: config.id, serialNumber: leaf.serialNumber }, 'is released')
  }
  situation.keepStaple(der)
  return beforeItEnds(nextUpdate, situation)
}

export async function refreshCrls(situation: Situation): Promise<Again> {
  const { config, services, timing } = situation.context
  const now = epochSeconds(timing.clock())
  const { pem, crls } = await services.ask({}, (client) => fetchCrls(client, config.bundle, now))
  situation.keepCrls(pem)
  return beforeItEnds(Math.min(...crls.map(({ nextUpdate }) => nextUpdate)), situation)
}

export async function refreshRoots(situation: Situation): Promise<Again> {
  const { config, services, refresh, trust } = situation.context
  const { pem } = await services.ask({}, (client) => fetchRoots(client, config.bundle))
  trust.follow(config.bundle, pem)
  situation.keepRoots(pem)
  return { after: refresh }
}

/** Where half of its time is over, and at the latest after the configured time. */
function beforeItEnds(nextUpdate: number, { now, context }: Situation): Again {
  const half = (nextUpdate - now / 1000) / 2
  return { after: Math.max(LEAST_REFRESH, Math.min(half, context.refresh)) }
}

export async function publish(situation: Situation): Promise<Again> {
  const { generations, config, log } = situation.context
  const identity = situation.identity!
  try {
    generations.publish(makeFiles(situation.material(identity), config, generations.next))
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause
    throw new CaError('badConfiguration', `${cause.message}.`, { cause })
  }
  const { serialNumber } = identity.leaf
  log.info({ event: 'written', certificate: config.id, serialNumber, directory: config.directory }, 'written')
  return null
}

/** Each is told, whatever becomes of the others. */
export async function tellConsumers(situation: Situation): Promise<Again> {
  const { config, log } = situation.context
  const material = situation.material(situation.identity!)
  const errors: unknown[] = []
  for (const one of outstanding(material, situation.context)) {
    try {
      await tell(one, material, situation.context)
      const facts = { certificate: config.id, consumer: describe(one.entry), changed: [...one.changed] }
      log.info({ event: 'told', ...facts }, 'told')
    } catch (error) {
      errors.push(error)
    }
  }
  // What says more than that one does not run yet goes first.
  if (errors.length > 0) throw errors.find((one) => !(one instanceof ConsumerAway)) ?? errors[0]
  return null
}
