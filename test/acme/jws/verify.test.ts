import { createPublicKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  SIGNATURE_ALGORITHM_NAMES,
  SIGNATURE_SCHEMES,
  type SignatureAlgorithmName,
} from '../../../src/acme/jws/algorithms.ts'
import { readJwk } from '../../../src/acme/jws/jwk.ts'
import { parseJws } from '../../../src/acme/jws/parse.ts'
import { type SignedJws, verifyJws } from '../../../src/acme/jws/verify.ts'
import { AcmeError } from '../../../src/acme/problem.ts'
import { acmeRefusal, expectAcmeError } from '../refusal.ts'
import { body, compact, flattened, KID, type Pair, pair, rawSignature, URL_OF_REQUEST } from './signing.ts'

const rsa = pair('RSA')
const clients: Readonly<Record<SignatureAlgorithmName, Pair>> = {
  ES256: pair('P-256'),
  ES384: pair('P-384'),
  ES512: pair('P-521'),
  RS256: rsa,
  PS256: rsa,
  EdDSA: pair('Ed25519'),
}
const header = { kid: KID, nonce: 'bm9uY2U', url: URL_OF_REQUEST }
const request = (alg: SignatureAlgorithmName) =>
  flattened(clients[alg].privateKey, { alg, ...header }, { csr: 'MII' })

const wrong = (jws: SignedJws, by: Pair) =>
  expectAcmeError(() => verifyJws(jws, by.account), 'malformed', /JWS verification error/)

describe('the examples of the standards', () => {
  const claims =
    'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ'
  it.each([
    [
      'RFC 7515 A.2, RS256',
      {
        kty: 'RSA',
        n: 'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ',
        e: 'AQAB',
      },
      `eyJhbGciOiJSUzI1NiJ9.${claims}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw`,
    ],
    [
      'RFC 7515 A.3, ES256',
      {
        kty: 'EC',
        crv: 'P-256',
        x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
        y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
      },
      `eyJhbGciOiJFUzI1NiJ9.${claims}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q`,
    ],
    [
      'RFC 7515 A.4, ES512',
      {
        kty: 'EC',
        crv: 'P-521',
        x: 'AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk',
        y: 'ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2',
      },
      'eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn',
    ],
    [
      'RFC 8037 A.4, EdDSA',
      { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
      'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
    ],
  ])('%s', async (_name, jwk, text) => {
    await expect(verifyJws(compact(text), readJwk(jwk))).resolves.toBeUndefined()
  })
})

describe.each(SIGNATURE_ALGORITHM_NAMES)('%s', (alg) => {
  const client = clients[alg]

  it('verifies what its client signed, with an empty payload as well', async () => {
    await verifyJws(parseJws(body(request(alg))), client.account)
    const asGet = flattened(client.privateKey, { alg, ...header }, '')
    await verifyJws(parseJws(body(asGet)), client.account)
  })

  it('does not verify under another key of its kind', () => {
    const kind = alg === 'RS256' || alg === 'PS256' ? 'RSA' : client.jwk.crv
    return wrong(parseJws(body(request(alg))), pair(kind as 'P-256'))
  })

  it('does not verify a signature of any other length', async () => {
    const jws = parseJws(body(request(alg)))
    const { signature } = jws
    for (const length of [0, 1, 16, signature.length >> 1, signature.length - 4]) {
      await wrong({ ...jws, signature: signature.subarray(0, length) }, client)
    }
    await wrong({ ...jws, signature: Buffer.concat([signature, Buffer.alloc(1)]) }, client)
    await wrong({ ...jws, signature: Buffer.concat([Buffer.alloc(1), signature]) }, client)
    await wrong({ ...jws, signature: Buffer.concat([signature, signature]) }, client)
  })

  it('does not verify the signatures that are all zeros or all ones', async () => {
    const jws = parseJws(body(request(alg)))
    await wrong({ ...jws, signature: Buffer.alloc(jws.signature.length) }, client)
    await wrong({ ...jws, signature: Buffer.alloc(jws.signature.length, 0xff) }, client)
  })

  it('of a key is refused under each key that does not have it, and the key’s own are listed', async () => {
    const jws = parseJws(body(request(alg)))
    for (const [name, { account }] of Object.entries(clients)) {
      if (account.algorithms.includes(alg)) continue
      const error = await acmeRefusal(() => verifyJws(jws, account))
      expect(error.type, name).toBe('badSignatureAlgorithm')
      expect(error.options.algorithms).toEqual(account.algorithms)
    }
  })

  it('verifies nothing that was changed', async () => {
    const jws = request(alg)
    const whole = body(jws)
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: whole.length * 8 - 1 }), async (bit) => {
        const changed = Buffer.from(whole)
        changed[bit >> 3]! ^= 0x80 >> (bit & 7)
        try {
          await verifyJws(parseJws(changed), client.account)
        } catch (error) {
          if (!(error instanceof AcmeError)) throw error
          return
        }
        throw new Error(`verified, though bit ${bit} was changed`)
      }),
      { numRuns: alg === 'ES512' ? 100 : 300 },
    )
  })

  it('covers header and payload where they stand', async () => {
    const { protected: head, payload, signature } = request(alg)
    const other = flattened(client.privateKey, { alg, ...header, url: `${URL_OF_REQUEST}s` }, { csr: 'MIIB' })
    for (const mixed of [
      { protected: other.protected, payload, signature },
      { protected: head, payload: other.payload, signature },
      { protected: head, payload, signature: other.signature },
      { protected: head, payload: '', signature },
    ]) {
      await wrong(parseJws(body(mixed)), client)
    }
  })
})

it.each(['none', 'HS256', 'constructor', ''])(
  'alg %j verifies under no key, whatever the signature is',
  async (alg) => {
    const jws = { protectedText: 'e30', payloadText: 'e30', signature: Buffer.alloc(0), header: { alg } }
    for (const { account } of Object.values(clients)) {
      await expectAcmeError(
        () => verifyJws(jws, account),
        'badSignatureAlgorithm',
        /is not accepted for this key/,
      )
    }
  },
)

it('a secret made of the public key makes no signature', async () => {
  const { account, privateKey } = rsa
  const pem = createPublicKey(privateKey).export({ format: 'pem', type: 'spki' })
  const jws = {
    protectedText: 'e30',
    payloadText: 'e30',
    signature: Buffer.from(pem),
    header: { alg: 'HS256' },
  }
  await expectAcmeError(() => verifyJws(jws, account), 'badSignatureAlgorithm', /RS256 or PS256/)
})

describe('an ECDSA signature without its leading zeros, as Apple’s client sends it', () => {
  /** A JWS whose r and s begin with so many zero octets; found by trying. */
  function withZeros(alg: 'ES256' | 'ES512', ofR: number, ofS: number) {
    const { half } = SIGNATURE_SCHEMES[alg]
    for (;;) {
      const protectedText = Buffer.from(
        JSON.stringify({ alg, salt: randomBytes(6).toString('hex') }),
      ).toString('base64url')
      const whole = rawSignature(alg, clients[alg].privateKey, `${protectedText}.e30`)
      const r = whole.subarray(0, half)
      const s = whole.subarray(half)
      const zeros = (number: Buffer) => number.findIndex((octet) => octet !== 0)
      if (zeros(r) === ofR && zeros(s) === ofS) {
        const signature = Buffer.concat([r.subarray(ofR), s.subarray(ofS)])
        return { whole, jws: { protectedText, payloadText: 'e30', header: { alg }, signature } }
      }
    }
  }

  it.each([
    ['ES256', 1, 0],
    ['ES256', 0, 1],
    ['ES512', 1, 0],
    ['ES512', 0, 1],
    ['ES512', 1, 1],
  ] as const)('%s verifies, %i of r and %i of s', async (alg, ofR, ofS) => {
    const { jws, whole } = withZeros(alg, ofR, ofS)
    await verifyJws(jws, clients[alg].account)
    await verifyJws({ ...jws, signature: whole }, clients[alg].account)
  })

  it('is still a signature of this key over these octets alone', async () => {
    const { jws } = withZeros('ES256', 1, 0)
    await wrong({ ...jws, payloadText: 'e30K' }, clients.ES256)
    await wrong(jws, pair('P-256'))
    for (let at = 0; at < jws.signature.length; at++) {
      const signature = Buffer.from(jws.signature)
      signature[at]! ^= 1
      await wrong({ ...jws, signature }, clients.ES256)
    }
  })

  it('is refused where octets are missing that were no zeros, at either end', async () => {
    const jws = parseJws(body(request('ES256')))
    for (let missing = 1; missing <= 6; missing++) {
      // A zero may stand there by chance: then it is right.
      if (jws.signature[0] !== 0)
        await wrong({ ...jws, signature: jws.signature.subarray(missing) }, clients.ES256)
      if (jws.signature.at(-1) !== 0)
        await wrong({ ...jws, signature: jws.signature.subarray(0, -missing) }, clients.ES256)
    }
  })

  it('does not help RSA or Ed25519, whose signatures have one length', async () => {
    for (const alg of ['RS256', 'EdDSA'] as const) {
      const jws = parseJws(body(request(alg)))
      await wrong({ ...jws, signature: jws.signature.subarray(1) }, clients[alg])
    }
  })
})
