import { createHash, createPrivateKey, type KeyObject } from 'node:crypto'
import { ServiceError } from '../client/service-error.ts'
import { epochSeconds } from '../clock.ts'
import type { Environment } from '../config/environment.ts'
import { CaError } from '../errors.ts'
import { EXTENSION, type Extension, subjectAltName } from '../pki/certificate/extensions.ts'
import { encodeCsr } from '../pki/csr/encode.ts'
import { encodeName } from '../pki/distinguished-name.ts'
import { generateKey } from '../pki/keys/generate.ts'
import { keyTypeOf } from '../pki/keys/public-key.ts'
import { encodePem } from '../pki/pem.ts'
import { type CertificateConfig, namesText } from './config.ts'
import { type Identity, readIdentity } from './identity.ts'
import type { Services } from './services.ts'
import type { CertificateState, PendingRequest } from './state.ts'
import type { Timing } from './timing.ts'
import { readToken } from './token.ts'

export interface ObtainContext {
  readonly config: CertificateConfig
  readonly state: CertificateState
  readonly services: Services
  readonly timing: Timing
  readonly environment: Environment
}

export type Obtained =
  | { readonly outcome: 'issued'; readonly identity: Identity; readonly by: 'token' | 'certificate' }
  /** An admin must approve it. `retryAfter` in seconds. */
  | { readonly outcome: 'pending'; readonly requestId: number; readonly retryAfter: number }

/** The service's answers that the agent reads: 201 or 202. */
type Answer = { certificate: string; chain: readonly string[] } | { id: number; retryAfter: number }

interface Wish {
  readonly path: string
  readonly bearer: string | null
  readonly subject: Buffer
  readonly extensions: readonly Extension[]
  readonly body: Readonly<Record<string, unknown>>
}

/** What makes the CA refuse a certificate that wants to renew itself: only a token helps. */
const ENDED = ['certificateRevoked', 'certificateExpired', 'unauthenticated']

/**
 * A new certificate: by the one that there is, else by the token. Key and CSR are on disk before they are sent, so that a crash at
 * any point ends in the same request, and the same certificate, again. Throws `ServiceError`, and `CaError` "unauthenticated" where
 * a token is needed and there is none.
 */
export async function obtain(identity: Identity | null, context: ObtainContext): Promise<Obtained> {
  const own = identity && isGood(identity, context) ? identity : null
  // The token is looked at only where it is needed: one that cannot be read must keep no certificate from renewing itself.
  if (own && (hasNames(own, context.config) || usefulToken(context) === null)) {
    try {
      return await request(renewal(own, context.config), own, 'certificate', context)
    } catch (error) {
      if (!(error instanceof ServiceError) || !ENDED.includes(error.code ?? '')) throw error
      if (error.code === 'certificateRevoked') context.state.remember({ revoked: own.leaf.serialNumber })
      if (error.code === 'unauthenticated' && usefulToken(context) === null) throw error
    }
  }
  const token = usefulToken(context)
  if (token === null) throw new CaError('unauthenticated', tokenNeeded(identity, context))
  try {
    const obtained = await request(enrolment(token, context.config), identity, 'token', context)
    if (obtained.outcome === 'issued') spend(token, context)
    return obtained
  } catch (error) {
    // A token that brings nothing must not keep the certificate that there is from renewing itself.
    if (error instanceof ServiceError && (error.code === 'tokenSpent' || (own && isRefusal(error))))
      spend(token, context)
    throw error
  }
}

/** The token, unless it was used up or refused for what is wanted. */
function usefulToken({
  config,
  environment,
  state,
}: Pick<ObtainContext, 'config' | 'environment' | 'state'>): string | null {
  const token = readToken(config.token, environment)
  return token === null || uselessness(token, config) === state.facts.spentToken ? null : token
}

/** Whether it is worth while to ask for other names. Where a token cannot be read it is, so that the attempt says why. */
export function mayBringNames(context: Pick<ObtainContext, 'config' | 'environment' | 'state'>): boolean {
  try {
    return usefulToken(context) !== null
  } catch {
    return true
  }
}

function spend(token: string, { config, state }: ObtainContext): void {
  state.remember({ spentToken: uselessness(token, config) })
}

/** By which a token and what it was used for are known again, without keeping it. */
function uselessness(token: string, { names, profile, authority }: CertificateConfig): string {
  const use = JSON.stringify([token, namesText(names), profile ?? null, authority ?? null])
  return createHash('sha256').update(use).digest('hex')
}

function isRefusal({ status }: ServiceError): boolean {
  return status !== null && status >= 400 && status < 500 && status !== 429
}

/** As far as is known here. */
function isGood({ leaf }: Identity, { state, timing }: ObtainContext): boolean {
  return state.facts.revoked !== leaf.serialNumber && epochSeconds(timing.clock()) <= leaf.notAfter
}

/** Where other names are wanted, a renewal does not bring them. */
export function hasNames({ names }: Identity, config: CertificateConfig): boolean {
  return namesText(names) === namesText(config.names)
}

function tokenNeeded(identity: Identity | null, { config, state }: ObtainContext): string {
  const why =
    identity === null
      ? 'There is no certificate yet'
      : state.facts.revoked === identity.leaf.serialNumber
        ? 'The certificate is revoked'
        : 'The certificate has expired'
  const spent = state.facts.spentToken ? 'a new enrolment token' : 'an enrolment token'
  const { file, environment, credential } = config.token
  const place = file ?? environment ?? credential
  return `${why}, and ${spent} is needed${place === undefined ? '' : ` in ${place}`}: an admin makes one with "chancery token create".`
}

function renewal({ leaf }: Identity, { validity }: CertificateConfig): Wish {
  return {
    path: `/v1/certificates/${leaf.serialNumber}/renew`,
    bearer: null,
    subject: leaf.subject,
    extensions: leaf.extensions.filter(({ oid }) => oid === EXTENSION.subjectAltName),
    body: { validity },
  }
}

function enrolment(bearer: string, config: CertificateConfig): Wish {
  const { names, commonName, profile, authority, validity } = config
  return {
    path: '/v1/certificates',
    bearer,
    subject: encodeName(commonName === undefined ? [] : [{ type: 'CN', value: commonName }]),
    // RFC 5280 4.2.1.6: critical where the subject is empty.
    extensions: [subjectAltName(names, commonName === undefined)],
    body: { profile, authority, validity },
  }
}

async function request(
  wish: Wish,
  identity: Identity | null,
  by: 'token' | 'certificate',
  context: ObtainContext,
): Promise<Obtained> {
  const { services, state } = context
  const pending = await pendingRequest(wish, identity, context)
  const { csr, key } = pending
  const caller =
    wish.bearer !== null
      ? { bearer: wish.bearer }
      : { identity: { certificate: identity!.leafPem + identity!.chainPem, key: identity!.keyPem } }
  const answer = await services.ask(caller, (client) =>
    client.json<Answer>('POST', wish.path, {
      body: { ...wish.body, csr },
      // The same CSR is the same request: an answer that was lost comes again.
      headers: { 'idempotency-key': createHash('sha256').update(csr).digest('hex') },
    }),
  )
  if (!('certificate' in answer))
    return { outcome: 'pending', requestId: answer.id, retryAfter: answer.retryAfter }
  const issued = readIdentity([answer.certificate, ...answer.chain, key].join(''))
  state.keepIdentity(issued)
  state.dropPending()
  return { outcome: 'issued', identity: issued, by }
}

/** The one that is under way if it asks for the same; else a new CSR, with the key that waits if there is one. */
async function pendingRequest(
  { path, subject, extensions, body }: Wish,
  identity: Identity | null,
  { config, state }: ObtainContext,
): Promise<PendingRequest> {
  const purpose = JSON.stringify([
    path,
    subject.toString('base64'),
    extensions.map(({ critical, value }) => [critical, value.toString('base64')]),
    config.keyType,
    body,
  ])
  const before = state.pending()
  if (before?.purpose === purpose) return before
  const key = await keyFor(config, before, identity)
  const csr = encodePem('CERTIFICATE REQUEST', encodeCsr({ key, subject, extensions }))
  const pem = key.export({ type: 'pkcs8', format: 'pem' }) as string
  const pending = { key: pem, csr, purpose }
  state.keepPending(pending)
  return pending
}

async function keyFor(
  { keyType, reuseKey }: CertificateConfig,
  before: PendingRequest | null,
  identity: Identity | null,
): Promise<KeyObject> {
  const waiting = before && createPrivateKey(before.key)
  // One that has its certificate already was left over by a crash.
  const isUsed = waiting && identity && waiting.equals(identity.key)
  if (waiting && !isUsed && keyTypeOf(waiting) === keyType) return waiting
  if (reuseKey && identity && keyTypeOf(identity.key) === keyType) return identity.key
  return generateKey(keyType)
}
