// A real OpenID provider as a process of its own: `node provider.mjs <redirect URI>`. It prints the port that it listens on. Whoever
// signs in as "ada" is in the group "ca-admins", and as "eve" in none.
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'

const [redirect] = process.argv.slice(2)
const GROUPS = { ada: ['staff', 'ca-admins'], reader: 'ca-readers', machine: ['ca-readers'] }
const server = createServer()
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [
      {
        client_id: 'chancery',
        client_secret: 'the secret: of the client & its signs',
        redirect_uris: [redirect],
        response_types: ['code'],
        grant_types: ['authorization_code'],
      },
      {
        client_id: 'machine',
        client_secret: 'the secret of the machine',
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
      },
    ],
    claims: { openid: ['sub'], email: ['email'], profile: ['groups'] },
    conformIdTokenClaims: false,
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.test`, groups: GROUPS[id] ?? [] }),
    }),
    pkce: { required: () => true },
    extraTokenClaims: (_, token) => ({ groups: GROUPS[token.clientId] }),
    ttl: { IdToken: 600, ClientCredentials: 600 },
    features: {
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:example:ca',
        getResourceServerInfo: (_, resource) => ({
          scope: '',
          audience: resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
        }),
      },
    },
  })
  server.on('request', provider.callback())
  console.log(port)
})
