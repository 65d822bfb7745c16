import { isIPv6 } from 'node:net'
import { quoted } from '../../pki/names/quoted.ts'
import type { ValidationContext } from './context.ts'
import type { Deadline } from './deadline.ts'
import { ValidationFailure } from './failure.ts'
import { type HttpAnswer, httpGet } from './http-get.ts'
import { type Challenge, keyAuthorization } from './key-authorization.ts'
import { portOf } from './request-to.ts'

const MOST_REDIRECTS = 10
const LONGEST_LOCATION = 2048

type Http01Context = Pick<ValidationContext, 'resolver' | 'networks' | 'httpPort' | 'redirectPorts'>

/** RFC 8555 8.3, and RFC 8738 5 for addresses. Throws `ValidationFailure`. */
export async function validateHttp01(
  challenge: Challenge,
  context: Http01Context,
  deadline: Deadline,
): Promise<void> {
  const { value } = challenge.identifier
  const host = isIPv6(value) ? `[${value}]` : value
  const start = new URL(`http://${host}:${context.httpPort}/.well-known/acme-challenge/${challenge.token}`)
  const visited = [start.href]
  for (let url = start; ; ) {
    const answer = await httpGet(url, context, deadline)
    if (answer.location === null) {
      checkAnswer(answer, keyAuthorization(challenge), url, url === start)
      return
    }
    url = redirectTarget(answer.location, url, context.redirectPorts)
    if (visited.includes(url.href)) throw badRedirect(`${url.origin} again: the redirects go in a circle`)
    if (visited.length > MOST_REDIRECTS)
      throw badRedirect(`${url.origin}, after ${MOST_REDIRECTS} redirects, and no more are followed`)
    visited.push(url.href)
  }
}

/** Where a redirect leads, if it may be followed. */
function redirectTarget(location: string, from: URL, ports: readonly number[]): URL {
  if (location === '') throw badRedirect('nowhere: there is no Location')
  const url = location.length <= LONGEST_LOCATION ? URL.parse(location, from) : null
  if (!url) throw badRedirect(`${quoted(location)}, which is no URL that can be followed`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw badRedirect(`${quoted(url.protocol)}; only http and https are followed`)
  if (url.username !== '' || url.password !== '')
    throw badRedirect(`${quoted(url.host)} with a user name or password, which are not sent`)
  if (!ports.includes(portOf(url)))
    throw badRedirect(`${quoted(url.host)}; only the ports ${ports.join(', ')} are followed`)
  url.hash = ''
  return url
}

function badRedirect(where: string): ValidationFailure {
  return new ValidationFailure('connection', `A redirect leads to ${where}.`, 'final')
}

/**
 * `own`: whether this is what the client was asked to serve. Behind a redirect anything may be, such as a page that this server can
 * read and the client cannot: what it says is not passed on.
 */
function checkAnswer(answer: HttpAnswer, expected: string, url: URL, own: boolean): void {
  const from = own ? url.href : `${url.origin}, where a redirect led,`
  if (answer.status !== 200) throw wrong(`${from} answers with status ${answer.status}, and 200 was expected`)
  if (answer.encoding !== 'identity')
    throw wrong(`${from} answers with Content-Encoding ${quoted(answer.encoding)}, and none was asked for`)
  // RFC 8555 8.3: white space at the end is ignored.
  const found = answer.body.trimEnd()
  if (found === expected) return
  throw wrong(
    own
      ? `${from} holds ${quoted(found)}, and the key authorization ${quoted(expected)} was expected`
      : `${from} answers with ${found.length} octets, which are not the key authorization ${quoted(expected)}`,
  )
}

function wrong(what: string): ValidationFailure {
  return new ValidationFailure('incorrectResponse', `${what}.`, 'content')
}
