import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newCsr } from '../scenario/csr.ts'
import { type ServiceProcess, startService } from '../scenario/harness.ts'
import type { Rest } from '../scenario/rest.ts'
import { workFolder } from '../scenario/tools.ts'

/** A certificate with its chain, and its key, PEM. */
export interface Member {
  readonly serialNumber: string
  readonly certificate: string
  readonly key: string
}

/** A running CA, and what tests of proxies do with it. */
export class InteropCa {
  readonly service: ServiceProcess
  readonly rest: Rest
  readonly folder = workFolder()

  private constructor(service: ServiceProcess) {
    this.service = service
    this.rest = service.rest()
  }

  /** `configuration`: what chancery.yaml says. `httpPort`: where addresses in CRLs must last. */
  static async start(configuration = '', httpPort = 0): Promise<InteropCa> {
    const directory = workFolder()
    writeFileSync(join(directory, 'chancery.yaml'), `${configuration}\n`)
    return new InteropCa(
      await startService({ directory, environment: { CHANCERY_HTTP_PORT: String(httpPort) } }),
    )
  }

  get root(): string {
    return readFileSync(this.service.rootFile, 'utf8')
  }

  async enrol(name: string, profile = 'server'): Promise<Member> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const issued = await this.rest.json<{ serialNumber: string; certificate: string; chain: string[] }>(
      'POST',
      '/v1/certificates',
      { body: { csr: newCsr(name, privateKey), profile } },
    )
    return {
      serialNumber: issued.serialNumber,
      certificate: [issued.certificate, ...issued.chain].join(''),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
  }

  revoke(serialNumber: string): Promise<unknown> {
    return this.rest.json('POST', `/v1/certificates/${serialNumber}/revoke`, {
      body: { reason: 'keyCompromise' },
    })
  }

  /** From the plain listener. */
  async fetch(path: string): Promise<Buffer> {
    const response = await fetch(new URL(path, this.service.httpUrl))
    if (response.status !== 200) throw new Error(`${path}: ${response.status}`)
    return Buffer.from(await response.arrayBuffer())
  }

  write(name: string, content: string | Buffer): string {
    const file = join(this.folder, name)
    writeFileSync(file, content, { mode: 0o600 })
    return file
  }
}
