import { createPublicKey, verify } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import { CertificateList } from '@peculiar/asn1-x509'
import { type CertificateInfo, parseCertificate } from '../../src/pki/certificate/parse.ts'
import { parseCrl } from '../../src/pki/crl/parse.ts'
import { readCrlEntries } from '../../src/pki/crl/parse-entry.ts'
import { readAnswer } from '../ocsp/answer.ts'
import { certId, ocspRequest } from '../ocsp/ocsp-request.ts'
import type { ServiceProcess } from './harness.ts'

const CRL_NUMBER = '2.5.29.20'

/** What anybody can fetch from the plain listener about one authority with a P-256 key, verified as it is read. */
export class Published {
  readonly #base: string
  readonly #id: string
  readonly issuer: CertificateInfo

  static async of(service: ServiceProcess, id = 'intermediate'): Promise<Published> {
    const base = service.httpUrl.replace('localhost', '127.0.0.1')
    return new Published(base, id, parseCertificate(await body(`${base}/ca/${id}.crt`)))
  }

  private constructor(base: string, id: string, issuer: CertificateInfo) {
    this.#base = base
    this.#id = id
    this.issuer = issuer
  }

  /** The current CRL: its bytes, its number, and the serial numbers in it. */
  async crl(): Promise<{ der: Buffer; number: bigint; serialNumbers: Set<string> }> {
    const der = await body(`${this.#base}/crl/${this.#id}.crl`)
    const { tbsCertList: list, signature } = AsnConvert.parse(der, CertificateList)
    const key = createPublicKey({ key: this.issuer.spki, format: 'der', type: 'spki' })
    if (!verify('sha256', Buffer.from(AsnConvert.serialize(list)), key, Buffer.from(signature))) {
      throw new Error('the signature of the CRL does not verify')
    }
    const number = list.crlExtensions?.find(({ extnID }) => extnID === CRL_NUMBER)
    if (!number) throw new Error('the CRL has no number')
    const digits = Buffer.from(number.extnValue.buffer).subarray(2).toString('hex')
    const serials = (list.revokedCertificates ?? []).map((one) =>
      Buffer.from(one.userCertificate).toString('hex'),
    )
    return { der, number: BigInt(`0x${digits}`), serialNumbers: new Set(serials) }
  }

  /** The same for a list that is too long for the library. */
  async longCrl(): Promise<{ der: Buffer; number: bigint; serialNumbers: Set<string> }> {
    const der = await body(`${this.#base}/crl/${this.#id}.crl`)
    const { tbs, signature, number, entries } = parseCrl(der)
    const key = createPublicKey({ key: this.issuer.spki, format: 'der', type: 'spki' })
    if (!verify('sha256', tbs, key, signature)) throw new Error('the signature of the CRL does not verify')
    const serials = [...readCrlEntries(entries, 'badCrl')].map(({ serialNumber }) => serialNumber)
    return { der, number: number!, serialNumbers: new Set(serials) }
  }

  /** What OCSP says of a serial number: "good", "revoked", or the error. */
  async ocsp(serialNumber: string): Promise<string> {
    const answer = await this.answer(serialNumber)
    return answer.singles[0]?.status ?? answer.status
  }

  /** The OCSP response about a serial number. */
  async answer(serialNumber: string): Promise<ReturnType<typeof readAnswer>> {
    const request = ocspRequest([certId(this.issuer, serialNumber)])
    const headers = { 'content-type': 'application/ocsp-request' }
    const der = await body(`${this.#base}/ocsp`, { method: 'POST', body: request, headers })
    return readAnswer(der, { certificate: this.issuer })
  }
}

async function body(url: string, init: RequestInit = {}): Promise<Buffer> {
  const response = await fetch(url, init)
  if (response.status !== 200) throw new Error(`${url}: ${response.status}`)
  return Buffer.from(await response.arrayBuffer())
}
