import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openIdSignIn } from '../../src/oidc/sign-in.ts'

/** A provider of which tests decide what it says. */
let server: Server
let issuer: string
let keys: JWK[] = []
let keysAsked = 0
let metadata: Record<string, unknown> = {}
let idToken: (form: URLSearchParams) => Promise<string>
/** Of the token endpoint, in the place of a token. */
let refusal: { status: number; error: unknown } | null = null
let now = 1_800_000_000

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    const answer = async () => {
      if (request.url === '/.well-known/openid-configuration') return metadata
      if (request.url === '/jwks') {
        keysAsked++
        return { keys }
      }
      if (request.url === '/token') return { id_token: await idToken(new URLSearchParams(body)) }
      return null
    }
    const refused = request.url === '/token' ? refusal : null
    const value = refused ? { error: refused.error } : await answer()
    response.writeHead(refused?.status ?? (value ? 200 : 404), { 'content-type': 'application/json' })
    response.end(JSON.stringify(value))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => void server.close())
beforeEach(() => {
  metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
  }
  keysAsked = 0
})

async function newKey(kid: string | undefined, alg = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(alg)
  keys = [...keys, { ...(await exportJWK(publicKey)), ...(kid && { kid }), alg }]
  return (claims: Record<string, unknown>) =>
    new SignJWT({ iss: issuer, aud: 'ca', sub: 'ada', roles: 'boss', iat: now, exp: now + 300, ...claims })
      .setProtectedHeader({ alg, ...(kid && { kid }) })
      .sign(privateKey)
}

const signInOf = (roleClaim = 'roles') =>
  openIdSignIn({
    options: {
      ...{
        issuer,
        clientId: 'ca',
        callback: 'https://ca.test/v1/session/oidc/callback',
        audience: 'ca',
        session: 7200,
      },
      ...{ scopes: ['openid'], nameClaim: 'email', roleClaim },
      roles: { boss: 'admin', reader: 'auditor', 'ada@example.test': 'admin' },
      algorithms: ['ES256'],
    },
    clientSecret: null,
    clock: () => new Date(now * 1000),
  })

test('keys are asked for once, and again for an unknown one, but not each time', async () => {
  const first = await newKey('first')
  const signIn = signInOf()
  expect(await signIn.bearer(await first({}))).toEqual({ kind: 'admin', id: 'oidc:ada' })
  for (let n = 0; n < 5; n++) await signIn.bearer(await first({}))
  expect(keysAsked).toBe(1)
  const second = await newKey('second')
  const unknown = await second({})
  // The keys were fetched just now: whoever names a key of his own makes nobody ask.
  for (let n = 0; n < 5; n++)
    await expect(signIn.bearer(unknown)).rejects.toMatchObject({ code: 'unauthenticated' })
  expect(keysAsked).toBe(1)
  now += 60
  expect(await signIn.bearer(unknown)).toMatchObject({ id: 'oidc:ada' })
  expect(keysAsked).toBe(2)
})

test('a provider whose new key has the name of the old one, or none, is asked for its keys again too', async () => {
  for (const kid of ['the only one', undefined]) {
    keys = []
    const former = await newKey(kid)
    const signIn = signInOf()
    await signIn.bearer(await former({}))
    keys = []
    const next = await newKey(kid)
    now += 60
    expect(await signIn.bearer(await next({}))).toMatchObject({ id: 'oidc:ada' })
    const asked = keysAsked
    for (let n = 0; n < 5; n++)
      await expect(signIn.bearer(await former({}))).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(keysAsked).toBe(asked)
  }
})

test('a token counts with its issuer, audience, time, algorithm and subject alone', async () => {
  const made = await newKey('good')
  const signIn = signInOf()
  now += 3600
  expect(await signIn.bearer(await made({ aud: ['other', 'ca'], roles: ['x', 'reader', 'boss'] }))).toEqual({
    kind: 'admin',
    id: 'oidc:ada',
  })
  // Clocks differ by some seconds.
  expect(await signIn.bearer(await made({ exp: now - 29, nbf: now + 29 }))).toMatchObject({ id: 'oidc:ada' })
  for (const [claims, detail] of [
    [{ iss: 'http://evil.test' }, /"iss" is not what is wanted/],
    [{ aud: 'other' }, /"aud" is not what is wanted/],
    [{ aud: undefined }, /"aud"/],
    [{ exp: now - 31 }, /expired/],
    [{ exp: undefined }, /"exp"/],
    [{ nbf: now + 60 }, /"nbf"/],
    [{ sub: undefined }, /"sub"/],
    [{ sub: 'a\nb' }, /names nobody/],
  ] as const)
    await expect(signIn.bearer(await made(claims))).rejects.toMatchObject({
      code: 'unauthenticated',
      detail: expect.stringMatching(detail),
    })
  await expect(signIn.bearer(await made({ roles: ['toString'] }))).rejects.toMatchObject({
    code: 'forbidden',
  })
  const other = await newKey('of another algorithm', 'ES384')
  await expect(signIn.bearer(await other({}))).rejects.toMatchObject({
    code: 'unauthenticated',
    detail: expect.stringMatching(/not among oidc.algorithms/),
  })
  const stranger = await newKey('of nobody')
  keys = keys.slice(0, -1)
  await expect(signIn.bearer(await stranger({ aud: 'other' }))).rejects.toMatchObject({
    code: 'unauthenticated',
    detail: expect.stringMatching(/none of the keys/),
  })
})

test('an address gives a role only where the provider has verified it: elsewhere people set their own', async () => {
  const made = await newKey('address')
  const signIn = signInOf('email')
  now += 3600
  const email = 'ada@example.test'
  expect(await signIn.bearer(await made({ email, email_verified: true }))).toMatchObject({ kind: 'admin' })
  for (const email_verified of [undefined, false, 'true', 1]) {
    const token = await made({ email, email_verified })
    await expect(signIn.bearer(token)).rejects.toMatchObject({ code: 'forbidden' })
  }
})

test('an ID token must be of this sign-in: its nonce, and who it was issued to', async () => {
  const made = await newKey('id')
  const signIn = signInOf()
  now += 3600
  const { begun, url } = await signIn.begin()
  expect(url.startsWith(`${issuer}/authorize?`)).toBe(true)
  let sent: URLSearchParams | null = null
  const finish = (claims: Record<string, unknown>) => {
    idToken = (form) => {
      sent = form
      return made({ nonce: begun.nonce, email: 'ada@example.test', ...claims })
    }
    return signIn.finish('the code', begun)
  }
  expect(await finish({})).toEqual({
    name: 'ada@example.test',
    principal: { kind: 'admin', id: 'oidc:ada' },
  })
  expect(Object.fromEntries(sent!)).toMatchObject({ code: 'the code', code_verifier: begun.verifier })
  expect((await finish({ email: undefined })).name).toBe('ada')
  for (const claims of [{ nonce: 'x' }, { nonce: undefined }, { azp: 'x' }, { aud: ['ca', 'x'] }])
    await expect(finish(claims)).rejects.toMatchObject({ code: 'unauthenticated' })
  idToken = async () => 'nonsense'
  await expect(signIn.finish('x', begun)).rejects.toMatchObject({ code: 'unauthenticated' })
})

test('a code that the provider does not take is the fault of who shows it, and anything else says what it is', async () => {
  const signIn = signInOf()
  const { begun } = await signIn.begin()
  const finish = (status: number, error: unknown) => {
    refusal = { status, error }
    return signIn.finish('made up', begun).finally(() => {
      refusal = null
    })
  }
  await expect(finish(400, 'invalid_grant')).rejects.toMatchObject({ code: 'unauthenticated' })
  for (const [status, error, said] of [
    [401, 'invalid_client', /HTTP status 401 and "invalid_client"\.$/],
    [400, 'a\nb', /HTTP status 400\.$/],
    [500, { invalid_grant: 1 }, /HTTP status 500\.$/],
  ] as const)
    await expect(finish(status, error)).rejects.toMatchObject({
      code: 'providerFailed',
      detail: expect.stringMatching(said),
    })
})

test('whoever comes back with codes of their own makes the provider be asked no more than 32 times at once', async () => {
  const made = await newKey('slow')
  const signIn = signInOf()
  now += 3600
  const { begun } = await signIn.begin()
  let answer = () => {}
  const held = new Promise<void>((resolve) => {
    answer = resolve
  })
  let asked = 0
  idToken = async () => {
    asked++
    await held
    return made({ nonce: begun.nonce })
  }
  const under = Array.from({ length: 32 }, () => signIn.finish('made up', begun))
  for (let n = 0; n < 8; n++)
    await expect(signIn.finish('made up', begun)).rejects.toMatchObject({ code: 'overloaded' })
  answer()
  await Promise.all(under)
  expect(asked).toBe(32)
  expect((await signIn.finish('the code', begun)).principal.kind).toBe('admin')
})

test('a provider that speaks for another, or is not there, lets nobody in', async () => {
  metadata.issuer = 'https://another.test'
  await expect(signInOf().begin()).rejects.toMatchObject({ code: 'providerFailed' })
  metadata = { issuer }
  await expect(signInOf().begin()).rejects.toMatchObject({ code: 'providerFailed' })
})
