import { decodePem, encodePem } from '../../src/pki/pem.ts'
import { errorType } from '../api/acme/acme-ca.ts'
import { AcmeClient, type Challenge, type Reply, type Send, type Solve } from '../api/acme/client.ts'
import { type AccountKey, newAccountKey } from '../api/acme/jws.ts'
import { csrDer } from '../api/requests.ts'

/** Milliseconds: hundreds look at their orders at once. */
const POLL = 300

/** What the holder of an account keeps: all else can be asked for. */
export interface AcmeAccount {
  readonly key: AccountKey
  readonly kid: string
}

/** A client of an account: after a restart a new one, since nonces end with the process that gave them. */
export function clientOf({ key, kid }: AcmeAccount, send: Send): AcmeClient {
  const client = new AcmeClient(send, { key })
  client.kid = kid
  return client
}

export async function newAcmeAccount(send: Send): Promise<AcmeAccount> {
  const key = newAccountKey()
  const client = new AcmeClient(send, { key })
  must(await client.newAccount(), 201)
  return { key, kid: client.kid! }
}

/** One certificate that is wanted for one name, however often the service dies on the way to it. */
export class AcmeEnrolment {
  readonly account: AcmeAccount
  readonly name: string
  readonly #csr: Buffer
  /** Whether newOrder was sent: its answer may have been lost. */
  #ordered = false
  #order: string | null = null
  /** Acknowledged: the order's certificate, its serial number and PEM. */
  certificate: { readonly serialNumber: string; readonly pem: string } | null = null

  constructor(account: AcmeAccount, name: string) {
    this.account = account
    this.name = name
    this.#csr = csrDer([`dns:${name}`])
  }

  /** Goes on from where it stood, to the certificate. Finalize is sent twice at the same moment. */
  async pursue(client: AcmeClient, solve: Solve): Promise<void> {
    this.#order ??= (this.#ordered ? await this.#find(client) : null) ?? (await this.#begin(client))
    const order = must(await client.postAsGet(this.#order), 200)
    if (order.json.status === 'pending') await authorize(client, order, solve)
    const { json } = must(await client.settled(this.#order, POLL), 200)
    if (json.status === 'ready') {
      const both = await Promise.all([0, 1].map(() => client.finalize(json.finalize, this.#csr)))
      const [won, lost] = both.sort((one, other) => one.status - other.status) as [Reply, Reply]
      must(won, 200)
      if (lost.status !== 403 || errorType(lost.json) !== 'orderNotReady') {
        throw new Error(`${this.name} was finalised twice: ${lost.status} ${lost.text}`)
      }
    }
    await this.#download(client)
  }

  async #begin(client: AcmeClient): Promise<string> {
    this.#ordered = true
    return String(must(await client.newOrder([this.name]), 201).headers.location)
  }

  /** Among the account's orders, for an answer that was lost. */
  async #find(client: AcmeClient): Promise<string | null> {
    const { orders } = must(await client.postAsGet(`${this.account.kid}/orders`), 200).json
    for (const url of orders as string[]) {
      const { json } = must(await client.postAsGet(url), 200)
      if (json.identifiers[0].value === this.name) return url
    }
    return null
  }

  async #download(client: AcmeClient): Promise<void> {
    const { status, certificate } = must(await client.postAsGet(this.#order!), 200).json
    if (status !== 'valid') throw new Error(`the order of ${this.name} is ${status}, and was finalised`)
    const [leaf] = decodePem(must(await client.download(certificate), 200).text, 'the chain')
    const serialNumber = String(certificate).split('/').at(-1)!
    this.certificate = { serialNumber, pem: encodePem('CERTIFICATE', leaf!.der) }
  }
}

/** Asks for what has not been asked for yet. What is processing is the service's own to go on with. */
async function authorize(client: AcmeClient, order: Reply, solve: Solve): Promise<void> {
  for (const url of order.json.authorizations) {
    const { json } = must(await client.authorization(url), 200)
    const challenge = json.challenges.find(({ type }: Challenge) => type === 'http-01')
    if (json.status !== 'pending' || challenge.status !== 'pending') continue
    await solve(challenge, json.identifier, client.keyAuthorization(challenge.token))
    must(await client.answer(challenge), 200)
  }
}

export function must(reply: Reply, status: number): Reply {
  if (reply.status !== status) throw new Error(`${status} was expected: ${reply.status} ${reply.text}`)
  return reply
}
