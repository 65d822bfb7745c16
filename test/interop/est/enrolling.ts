import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { identityOf, make } from '../../api/est/device-hierarchy.ts'
import { openSslRequest, serialOf } from '../../scenario/enrolment.ts'
import { tool, workFolder } from '../../scenario/tools.ts'
import { InteropCa } from '../members.ts'

const manufacturer = make('Manufacturer', null, { ca: true })
const line = make('Manufacturing Line', manufacturer, { ca: true })

/** A CA that speaks EST, and a folder in which a client has root.pem and makes its requests. */
export class EstInterop {
  readonly ca: InteropCa
  readonly folder = workFolder()

  static async start(): Promise<EstInterop> {
    const anchors = join(workFolder(), 'manufacturer.pem')
    writeFileSync(anchors, manufacturer.pem)
    const ca = await InteropCa.start(`
profiles:
  watched: { extends: peer, approval: enrol }
approvals: { retryAfter: 5s }
est:
  profile: peer
  names: [example.test]
  labels:
    bound: { channelBinding: required }
    devices: { trustAnchors: [${JSON.stringify(anchors)}] }
    watched: { profile: watched }
`)
    return new EstInterop(ca)
  }

  private constructor(ca: InteropCa) {
    this.ca = ca
    writeFileSync(join(this.folder, 'root.pem'), ca.root)
    const { key, certificate } = identityOf(make('Device 7', line), line)
    writeFileSync(join(this.folder, 'device.pem'), certificate)
    writeFileSync(join(this.folder, 'device.key'), key)
  }

  get url(): string {
    return this.ca.service.tlsUrl
  }

  /** Made on the command line, as an admin does. */
  async user(name: string): Promise<{ name: string; password: string }> {
    const { status, stdout, stderr } = await this.ca.service.cli('est', 'user', 'create', name, '--json')
    expect(status, stderr).toBe(0)
    return { name, password: JSON.parse(stdout).password }
  }

  /** An enrolment token for web.example.test. */
  async token(profile: string): Promise<string> {
    const body = { profile, names: { dns: ['web.example.test'] } }
    return (await this.ca.rest.json<{ token: string }>('POST', '/v1/tokens', { body })).token
  }

  /** Leaves `name`.key, `name`.csr and `name`.der, a request for web.example.test. */
  async request(name: string): Promise<void> {
    await openSslRequest(this.folder, name, 'DNS:web.example.test', { subject: '/CN=web.example.test' })
    await tool(this.folder, 'openssl', 'req', '-in', `${name}.csr`, '-outform', 'DER', '-out', `${name}.der`)
  }

  /** That a PEM file is a certificate of this CA for that request. Gives its serial number. */
  async expectIssued(file: string, name: string): Promise<string> {
    const text = await tool(this.folder, 'openssl', 'x509', '-in', file, '-noout', '-ext', 'subjectAltName')
    expect(text).toContain('DNS:web.example.test')
    const [key, certified] = await Promise.all([
      tool(this.folder, 'openssl', 'pkey', '-in', `${name}.key`, '-pubout'),
      tool(this.folder, 'openssl', 'x509', '-in', file, '-noout', '-pubkey'),
    ])
    expect(certified).toBe(key)
    const serialNumber = await serialOf(this.folder, file)
    const known = await this.ca.rest.call('GET', `/v1/certificates/${serialNumber}`)
    expect(known.status).toBe(200)
    return serialNumber
  }

  async stop(): Promise<void> {
    this.ca.rest.close()
    await this.ca.service.stop()
    expect(this.ca.service.log).not.toContain('chancery_est_')
  }
}
