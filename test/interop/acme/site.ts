import { X509Certificate } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { run, workFolder } from '../../scenario/tools.ts'
import { type AcmeCa, startCa } from './ca.ts'
import { Challenges } from './challenges.ts'

/** Where clients listen that answer http-01 or tls-alpn-01 themselves: the ports are taken at 127.0.0.1. */
export const OWN_ADDRESS = '127.0.0.2'

/** A certificate that a client got. */
export interface Issued {
  /** Lower-case hexadecimal. */
  readonly serialNumber: string
  readonly leaf: X509Certificate
  /** PEM. */
  readonly certificate: string
  /** PEM: what stood behind it. */
  readonly issuers: string
}

/** A CA, the world in which it looks for answers, and a folder for one client. */
export class AcmeSite {
  readonly ca: AcmeCa
  readonly challenges: Challenges
  readonly folder: string

  static async start(): Promise<AcmeSite> {
    const folder = workFolder()
    const challenges = await Challenges.start(folder)
    return new AcmeSite(await startCa(challenges.ports), challenges, folder)
  }

  private constructor(ca: AcmeCa, challenges: Challenges, folder: string) {
    this.ca = ca
    this.challenges = challenges
    this.folder = folder
  }

  async stop(): Promise<void> {
    await this.ca.stop()
    await this.challenges.stop()
  }

  path(...names: string[]): string {
    return join(this.folder, ...names)
  }

  read(...names: string[]): string {
    return readFileSync(this.path(...names), 'utf8')
  }

  write(name: string, content: string): string {
    writeFileSync(this.path(name), content)
    return this.path(name)
  }

  makeFolder(...names: string[]): string {
    mkdirSync(this.path(...names), { recursive: true })
    return this.path(...names)
  }

  /** A hook. `tell <what> <JSON>` in it speaks to pebble-challtestsrv. */
  script(name: string, body: string): string {
    const tell = `tell() { curl -sSf -d "$2" ${this.challenges.url}/$1; }`
    const file = this.write(name, `#!/bin/sh\nset -e\n${tell}\n${body}`)
    chmodSync(file, 0o755)
    return file
  }

  /** Runs a client in the folder. It must succeed; gives all that it printed. */
  async client(
    program: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const ended = await run(program, args, { cwd: this.folder, environment })
    expect(ended.status, `${program} ${args.join(' ')}\n${ended.stdout}${ended.stderr}`).toBe(0)
    return ended.stdout + ended.stderr
  }

  /** A chain as `verified` has it, of which OCSP says that it is good. */
  async issued(chain: string, names: readonly string[]): Promise<Issued> {
    const one = await this.verified(chain, names)
    expect(await this.status(one)).toBe('good')
    return one
  }

  /** Reads a PEM chain from a file, or from the text itself. It must lead to the root and name exactly these names. */
  async verified(chain: string, names: readonly string[]): Promise<Issued> {
    const pem = existsSync(chain) ? readFileSync(chain, 'utf8') : chain
    const [certificate, ...issuers] =
      pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n/g) ?? []
    expect(certificate, pem).toBeDefined()
    const leaf = new X509Certificate(certificate!)
    expect(
      leaf.subjectAltName
        ?.replaceAll(/(DNS|IP Address):/g, '')
        .split(', ')
        .sort(),
    ).toEqual([...names].sort())
    // mod_md and others refuse a certificate that comes alone.
    expect(issuers.length).toBeGreaterThan(0)
    const one = {
      leaf,
      certificate: certificate!,
      issuers: issuers.join(''),
      serialNumber: leaf.serialNumber.toLowerCase(),
    }
    await this.#openssl(one, [
      'verify',
      '-purpose',
      'sslserver',
      '-CAfile',
      this.ca.rootFile,
      '-untrusted',
      'issuers.pem',
      'leaf.pem',
    ])
    return one
  }

  /** What OCSP says of it. */
  async status(one: Issued): Promise<string | undefined> {
    const said = await this.#openssl(one, [
      ...[
        'ocsp',
        '-issuer',
        'issuers.pem',
        '-cert',
        'leaf.pem',
        '-CAfile',
        this.ca.rootFile,
        '-verify_other',
        'issuers.pem',
      ],
      ...['-url', this.ca.ocspUrl],
    ])
    expect(said).toContain('Response verify OK')
    return /^leaf\.pem: (\w+)/m.exec(said)?.[1]
  }

  async expectRevoked(one: Issued): Promise<void> {
    expect(await this.status(one)).toBe('revoked')
  }

  #openssl({ certificate, issuers }: Issued, args: readonly string[]): Promise<string> {
    this.write('leaf.pem', certificate)
    this.write('issuers.pem', issuers)
    return this.client('openssl', args)
  }
}

/** A renewal: the same names, another certificate. */
export function expectRenewed(before: Issued, after: Issued): void {
  expect(after.serialNumber).not.toBe(before.serialNumber)
  expect(after.leaf.validToDate.getTime()).toBeGreaterThanOrEqual(before.leaf.validToDate.getTime())
}
