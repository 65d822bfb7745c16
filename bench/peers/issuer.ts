import { generateKeyPairSync } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { subjectAltName } from '../../src/pki/certificate/extensions.ts'
import { encodeCsr } from '../../src/pki/csr/encode.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import type { Post, Target } from '../load.ts'
import type { Running } from '../processes.ts'

export interface Csr {
  readonly name: string
  readonly der: Buffer
}

/** A server that issues certificates by one request, as the questions see it. */
export interface Issuer {
  readonly what: string
  /** Makes its folder, keys and configuration, which no question measures. Throws `NotInstalled`. */
  prepare(): Promise<PreparedIssuer>
}

export interface PreparedIssuer {
  /** What it keeps is here; the caller removes it by `discard`. */
  readonly directory: string
  /** May be called again once the server has ended. */
  launch(): Promise<RunningIssuer>
}

export interface RunningIssuer extends Running {
  readonly target: Target
  /** Of an answer with a certificate. */
  readonly status: number
  /** One request for each CSR, with what authorizes it, ready to be sent. */
  requests(csrs: readonly Csr[]): Promise<Post[]>
}

export function discard({ directory }: PreparedIssuer): Promise<void> {
  return rm(directory, { recursive: true, force: true })
}

/** Each with a P-256 key and a DNS name of its own. */
export function newCsrs(many: number): Csr[] {
  return Array.from({ length: many }, (_, i) => {
    const name = `host-${i}.bench.example.test`
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const extensions = [subjectAltName([{ type: 'dns', value: name }], false)]
    const subject = encodeName([{ type: 'CN', value: name }])
    return { name, der: encodeCsr({ key: privateKey, subject, extensions }) }
  })
}

export function pemOf({ der }: Csr): string {
  const lines = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines}\n-----END CERTIFICATE REQUEST-----\n`
}
