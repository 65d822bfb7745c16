import * as pkijs from 'pkijs'
import { describe, expect, it } from 'vitest'
import { certsOnly } from '../../../src/pki/bundle/pkcs7.ts'
import { trustStore } from '../../../src/pki/bundle/pkcs12.ts'
import { makeRoot, newKeyPair } from '../certificate/sample.ts'

/** PKI.js is a parser of its own, beside OpenSSL's and Java's. */
describe('PKI.js', () => {
  const certificates = [makeRoot(newKeyPair()), makeRoot(newKeyPair())]
  const hex = (der: ArrayBuffer) => Buffer.from(der).toString('hex')
  const wanted = certificates.map((der) => der.toString('hex')).sort()

  it('reads the certificates of a certs-only PKCS #7', () => {
    const content = pkijs.ContentInfo.fromBER(new Uint8Array(certsOnly(certificates)).buffer)
    const signed = new pkijs.SignedData({ schema: content.content })
    const found = (signed.certificates ?? []).map((one) =>
      hex((one as pkijs.Certificate).toSchema(true).toBER()),
    )
    expect(found.sort()).toEqual(wanted)
    expect(signed.signerInfos).toEqual([])
  })

  it('proves the MAC of a truststore and decrypts its certificates', async () => {
    const entries = certificates.map((certificate, i) => ({ alias: `root-${i}`, certificate }))
    const pfx = pkijs.PFX.fromBER(new Uint8Array(await trustStore(entries, 'changeit')).buffer)
    const password = new TextEncoder().encode('changeit').buffer
    await pfx.parseInternalValues({ password, checkIntegrity: true })
    const safe = pfx.parsedValue!.authenticatedSafe!
    await safe.parseInternalValues({ safeContents: safe.safeContents.map(() => ({ password })) })
    const bags = safe.parsedValue.safeContents.flatMap(
      ({ value }: { value: pkijs.SafeContents }) => value.safeBags,
    )
    const found = bags.map((bag: pkijs.SafeBag) => {
      const { parsedValue } = bag.bagValue as pkijs.CertBag
      return hex((parsedValue as pkijs.Certificate).toSchema(true).toBER())
    })
    expect(found.sort()).toEqual(wanted)
  })

  it('refuses a truststore under another password', async () => {
    const pfx = pkijs.PFX.fromBER(
      new Uint8Array(await trustStore([{ alias: 'a', certificate: certificates[0]! }], 'changeit')).buffer,
    )
    const password = new TextEncoder().encode('changed').buffer
    await expect(pfx.parseInternalValues({ password, checkIntegrity: true })).rejects.toThrow(/[Ii]ntegrity/)
  })
})
