import { existsSync } from 'node:fs'
import { answersUntil } from '../../ca/authorities.ts'
import { RESPONDER_PROFILE } from '../../ca/internal-profiles.ts'
import { Client } from '../../client/client.ts'
import { epochSeconds } from '../../clock.ts'
import type { Config } from '../../config/config.ts'
import { dataFiles } from '../../config/data-directory.ts'
import { dataDirectory, loadConfig } from '../../config/load.ts'
import { type CertificateInfo, parseCertificate } from '../../pki/certificate/parse.ts'
import { decodePem } from '../../pki/pem.ts'
import { openReader } from '../../store/reader.ts'
import { adminKey, type ServiceOptions, serviceAddress } from '../service.ts'
import type { Terminal } from '../terminal.ts'
import { type Finding, failed, look, ok } from './finding.ts'

export interface KnownAuthority {
  readonly id: string
  readonly role: string
  readonly state: string
  readonly isDefault: boolean
  readonly certificate: CertificateInfo | null
  /** DER. */
  readonly chain: readonly Buffer[]
  /** Whether it still answers: a retired one does for a while. */
  readonly answers: boolean
}

/** What the looks are about: the data directory, and the service where one runs. */
export interface Situation {
  readonly directory: string
  readonly config: Config
  /** Null where the environment has none for this command. */
  readonly passphrase: string | null
  /** Null where no service runs, or it is not proven. */
  readonly client: Client | null
  /** None where the database could not be read either. */
  readonly authorities: readonly KnownAuthority[]
  /** Seconds since 1970. */
  readonly now: number
}

interface ViewedAuthority {
  readonly id: string
  readonly role: string
  readonly state: string
  readonly isDefault: boolean
  readonly certificate: string | null
  readonly chain: readonly string[]
  readonly answersUntil: string | null
}

/** Asks the service; where none answers, reads the database itself, and leaves it as it is. */
export async function situation(
  options: ServiceOptions,
  terminal: Terminal,
): Promise<{ situation: Situation; findings: Finding[] }> {
  const directory = dataDirectory(terminal.environment, options.dir)
  const { config, secrets } = loadConfig(terminal.environment, { dir: options.dir })
  const now = epochSeconds(terminal.clock())
  const base = { directory, config, passphrase: secrets.passphrase, now }
  let client: Client | null = null
  let authorities: readonly KnownAuthority[] = []
  const findings = await look('service', 'Start it with "chancery serve", or look at its log.', async () => {
    const one = new Client(serviceAddress(options, terminal.environment), {
      bearer: adminKey(options, terminal.environment),
    })
    const answer = await one.json<{ authorities: ViewedAuthority[] }>('GET', '/v1/authorities')
    client = one
    authorities = answer.authorities.map((row) => viewed(row, now))
    return ok('service', 'It runs, its certificate is proven by root.pem, and it takes the admin key.')
  })
  if (client === null && existsSync(dataFiles(directory).database)) {
    findings.push(
      ...(await look('database', 'Where it is damaged, restore the latest backup.', async () => {
        authorities = await stored(directory, now)
        return ok('database', 'It opens.')
      })),
    )
  } else if (client === null) {
    findings.push(failed('database', `${directory} holds no CA.`, 'Name the data directory with --dir.'))
  }
  return { situation: { ...base, client, authorities }, findings }
}

function viewed({ certificate, chain, answersUntil, ...row }: ViewedAuthority, now: number): KnownAuthority {
  return {
    ...row,
    certificate: certificate === null ? null : parseCertificate(only(certificate)),
    chain: chain.map(only),
    answers: answersUntil !== null && Date.parse(answersUntil) > now * 1000,
  }
}

async function stored(directory: string, now: number): Promise<KnownAuthority[]> {
  const reader = openReader(dataFiles(directory).database)
  try {
    const rows = (await reader.authorities()).map(async (row) => {
      const { id, role, state, isDefault, chain } = row
      const certificate = row.certificate && parseCertificate(row.certificate)
      const lastExpiry = state === 'retired' ? await reader.lastExpiry(id, RESPONDER_PROFILE) : null
      const standing = certificate && { role, state, certificate, changedAt: row.changedAt ?? row.createdAt }
      return {
        ...{ id, role, state, isDefault, certificate, chain },
        answers: standing !== null && answersUntil(standing, lastExpiry) > now,
      }
    })
    return await Promise.all(rows)
  } finally {
    reader.close()
  }
}

function only(pem: string): Buffer {
  return decodePem(pem, 'certificate')[0]!.der
}
