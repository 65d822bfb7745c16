import { CaError } from '../errors.ts'
import { normaliseEmail } from '../pki/names/email.ts'
import { AcmeError } from './problem.ts'

const MOST = 10

/** Contacts of an account (RFC 8555 7.3): e-mail addresses, one in each. Throws "malformed", "unsupportedContact" or "invalidContact". */
export function readContacts(given: unknown): string[] {
  if (!Array.isArray(given) || given.some((one) => typeof one !== 'string')) {
    throw new AcmeError('malformed', 'The contacts are a list of texts.')
  }
  if (given.length > MOST) throw new AcmeError('invalidContact', `An account has at most ${MOST} contacts.`)
  return given.map((one: string) => readContact(one))
}

function readContact(url: string): string {
  const shown = JSON.stringify(url.slice(0, 100))
  if (!/^mailto:/i.test(url)) {
    throw new AcmeError('unsupportedContact', `${shown} is no "mailto:" address: others are not taken.`)
  }
  const address = url.slice('mailto:'.length)
  // RFC 8555 7.3: no hfields, and no more than one address.
  if (/[?,]/.test(address)) {
    throw new AcmeError('invalidContact', `${shown} must be one address, without headers.`)
  }
  try {
    return `mailto:${normaliseEmail(address)}`
  } catch (error) {
    if (!(error instanceof CaError)) throw error
    throw new AcmeError('invalidContact', error.detail)
  }
}
