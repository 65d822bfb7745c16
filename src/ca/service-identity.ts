import { join } from 'node:path'
import { type Clock, epochSeconds } from '../clock.ts'
import { nameText, type SubjectName } from '../pki/names/san.ts'
import { encodePem } from '../pki/pem.ts'
import type { Store } from '../store/store.ts'
import type { Authorities } from './authorities.ts'
import { SERVICE_PROFILE } from './internal-profiles.ts'
import type { Issuer } from './issue.ts'
import { isDue, type KeptIdentity, loadIdentity } from './kept-identity.ts'
import { makeIdentity } from './own-identity.ts'

/** The key and certificate that the TLS listener shows. */
export interface ServiceIdentity {
  /** PKCS #8 PEM; for the TLS context alone. */
  readonly key: string
  /** Leaf and intermediates, PEM. */
  readonly certificate: string
  /** The intermediates, DER. */
  readonly chain: readonly Buffer[]
  readonly serialNumber: string
  /** Seconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
}

export interface IdentityContext {
  readonly store: Store
  readonly authorities: Authorities
  readonly issuer: Issuer
  readonly clock: Clock
  readonly directory: string
  readonly passphrase: string
  readonly names: readonly SubjectName[]
  /** What was read of the file already, by `keptServiceIdentity`. */
  readonly kept?: Promise<KeptIdentity | null> | undefined
  /** Hears why the identity on disk could not be used, so that a new one takes its place; or why that could not be kept. */
  readonly onFault: (error: unknown) => void
}

const FILE = join('keys', 'service-tls.pem')

/** What is on disk, whatever it is good for. It takes as long as a passphrase costs, so it is begun before it is needed. */
export function keptServiceIdentity(directory: string, passphrase: string): Promise<KeptIdentity | null> {
  return loadIdentity(join(directory, FILE), passphrase)
}

/** The identity on disk if it is still good for a third of its life and for these names; else a new one, issued through the one path. */
export async function serviceIdentity(context: IdentityContext): Promise<ServiceIdentity> {
  const stored = await storedIdentity(context).catch((error: unknown) => {
    context.onFault(error)
    return null
  })
  return stored ?? newIdentity(context)
}

async function storedIdentity(context: IdentityContext): Promise<ServiceIdentity | null> {
  const kept = await (context.kept ?? keptServiceIdentity(context.directory, context.passphrase))
  if (!kept) return null
  const { certificate: info } = kept
  const row = await context.store.read.certificate(info.serialNumber)
  const issuing = context.authorities.issuing()
  const now = epochSeconds(context.clock())
  const good =
    row?.der.equals(info.der) &&
    !row.revocation &&
    row.authority === issuing.id &&
    now < info.notAfter &&
    !isDue(info, now, issuing) &&
    row.names.map(nameText).join() === context.names.map(nameText).join()
  if (!good) return null
  return identity(kept, context)
}

async function newIdentity(context: IdentityContext): Promise<ServiceIdentity> {
  const { names, issuer, directory, passphrase, onFault } = context
  const wish = { principal: 'system:tls', profile: SERVICE_PROFILE, keyType: 'P-256', names } as const
  return identity(await makeIdentity(wish, issuer, join(directory, FILE), passphrase, onFault), context)
}

/** Whether it goes with the certificates that are to be sent by now: a cross-certificate among them may have ended. */
export function hasItsChain({ chain }: ServiceIdentity, authorities: Authorities): boolean {
  const now = chainOf(authorities)
  return chain.length === now.length && chain.every((der, i) => der.equals(now[i]!))
}

function chainOf(authorities: Authorities): readonly Buffer[] {
  return authorities.chainFor({ authority: authorities.issuing().id, profile: SERVICE_PROFILE })
}

function identity({ key, certificate }: KeptIdentity, { authorities }: IdentityContext): ServiceIdentity {
  const { der, serialNumber, notBefore, notAfter } = certificate
  const chain = chainOf(authorities)
  return {
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: [der, ...chain].map((one) => encodePem('CERTIFICATE', one)).join(''),
    chain,
    serialNumber,
    notBefore,
    notAfter,
  }
}
