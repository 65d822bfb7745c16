/**
 * What a user of the package `acme-client` writes: obtains, renews, revokes, rolls over, gives the account up. A process
 * of its own, since NODE_EXTRA_CA_CERTS is read at the start of one. Prints both chains
 * as JSON.
 */
import { Client, crypto } from 'acme-client'

const [directoryUrl, management, type, ...altNames] = process.argv.slice(2) as [
  string,
  string,
  string,
  ...string[],
]

async function tell(what: string, body: object): Promise<void> {
  const { ok } = await fetch(`${management}/${what}`, { method: 'POST', body: JSON.stringify(body) })
  if (!ok) throw new Error(`${what} was refused`)
}

const accountKey =
  type === 'dns-01' ? await crypto.createPrivateRsaKey() : await crypto.createPrivateEcdsaKey()
const client = new Client({ directoryUrl, accountKey, backoffMin: 100 })

async function obtain(): Promise<string> {
  const [, csr] = await crypto.createCsr({ altNames }, await crypto.createPrivateEcdsaKey())
  return client.auto({
    csr,
    email: 'ada@example.test',
    termsOfServiceAgreed: true,
    challengePriority: [type],
    // The names exist for the CA alone.
    skipChallengeVerification: true,
    async challengeCreateFn({ identifier: { value } }, challenge, content) {
      if (challenge.type === 'http-01') await tell('add-http01', { token: challenge.token, content })
      else if (challenge.type === 'dns-01')
        await tell('set-txt', { host: `_acme-challenge.${value}.`, value: content })
      // Its types do not know the third kind, which it speaks.
      else await tell('add-tlsalpn01', { host: value, content })
    },
    async challengeRemoveFn() {},
  })
}

const first = await obtain()
const second = await obtain()
await client.revokeCertificate(second, { reason: 4 })
await client.updateAccountKey(await crypto.createPrivateEcdsaKey('P-384'))
await client.updateAccount({ contact: ['mailto:bob@example.test'] })
await client.updateAccount({ status: 'deactivated' })
console.log(JSON.stringify([first, second]))
