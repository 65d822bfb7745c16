import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { BegunSignIn } from '../auth/openid.ts'
import { cookieValue } from './session-cookie.ts'

const NAME = '__Host-chancery-sign-in'

/** Lax: the provider's page sends the browser back here. */
const ATTRIBUTES = 'HttpOnly; Secure; SameSite=Lax; Path=/'

/** For how long somebody may take at the provider. Seconds. */
const LIFE = 600

const CIPHER = 'aes-256-gcm'
const IV = 12
const TAG = 16

/**
 * What was begun stays with the browser, so that strangers who begin and never come back fill no memory; sealed with a key that
 * dies with the process, so that nobody makes one.
 */
export class SignInCookies {
  readonly #key = randomBytes(32)

  /** Set-Cookie. `now`: seconds since 1970. */
  give(begun: BegunSignIn, now: number): string {
    const iv = randomBytes(IV)
    const cipher = createCipheriv(CIPHER, this.#key, iv)
    const text = JSON.stringify({ ...begun, until: now + LIFE })
    const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
    return `${NAME}=${sealed.toString('base64url')}; ${ATTRIBUTES}; Max-Age=${LIFE}`
  }

  /** Null where there is none, where it is not ours, or too old. */
  take(request: FastifyRequest, now: number): BegunSignIn | null {
    const sealed = Buffer.from(cookieValue(request, NAME) ?? '', 'base64url')
    if (sealed.length <= IV + TAG) return null
    try {
      const decipher = createDecipheriv(CIPHER, this.#key, sealed.subarray(0, IV))
      decipher.setAuthTag(sealed.subarray(-TAG))
      const text = Buffer.concat([decipher.update(sealed.subarray(IV, -TAG)), decipher.final()])
      const { until, ...begun } = JSON.parse(text.toString('utf8')) as BegunSignIn & { until: number }
      return now < until && until <= now + LIFE ? begun : null
    } catch {
      return null
    }
  }

  /** Set-Cookie that makes the browser forget it. */
  takeBack(): string {
    return `${NAME}=; ${ATTRIBUTES}; Max-Age=0`
  }
}
