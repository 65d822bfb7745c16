import { readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { isInternal } from '../ca/internal-profiles.ts'
import { readNamePattern } from '../ca/policy/name-patterns.ts'
import type { Config } from '../config/config.ts'
import { estLabel } from '../config/est-rules.ts'
import type { EstLabelOptions } from '../config/est-schema.ts'
import type { Frozen } from '../config/freeze.ts'
import type { Profile } from '../config/profile-schema.ts'
import { CaError } from '../errors.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { decodePem } from '../pki/pem.ts'
import { DeviceTrust } from './device-certificate.ts'

/** What an EST address stands for: RFC 7030 3.2.2 lets one server speak for several CAs. */
export interface Label {
  /** Null for the addresses without one. */
  readonly name: string | null
  readonly options: Frozen<EstLabelOptions>
  readonly profile: Profile
  /** The id of the authority; undefined for the default one. */
  readonly authority: string | undefined
  /** As `fitsPattern` takes them. */
  readonly patterns: readonly string[]
  /** Whose certificates open this label, beside our own. */
  readonly devices: DeviceTrust
}

/** Every label, read and checked once. Throws `CaError` "badConfiguration" with the option that is at fault. */
export class Labels {
  readonly #labels: ReadonlyMap<string | null, Label>

  constructor({ est, dir, defaultProfile }: Config, profiles: ReadonlyMap<string, Profile>) {
    const names = [null, ...Object.keys(est.labels)]
    this.#labels = new Map(
      names.map((name) => {
        const options = estLabel(est, name)!
        const where = name === null ? 'est' : `est.labels.${name}`
        const profile = profiles.get(options.profile ?? defaultProfile)
        if (!profile || isInternal(profile.name)) throw bad(`${where}.profile`, 'There is no such profile.')
        const label: Label = {
          name,
          options,
          profile,
          authority: profile.authority ?? options.authority,
          patterns: options.names.map((text) => guarded(`${where}.names`, () => readNamePattern(text))),
          devices: guarded(
            `${where}.trustAnchors`,
            () =>
              new DeviceTrust(
                options.trustAnchors.flatMap((file) =>
                  readAnchors(isAbsolute(file) ? file : join(dir, file)),
                ),
              ),
          ),
        }
        return [name, label]
      }),
    )
  }

  /** Throws "notFound" for a label that is not configured. */
  get(name: string | undefined): Label {
    const label = this.#labels.get(name ?? null)
    if (!label) throw new CaError('notFound', 'There is no such label: see est.labels in the configuration.')
    return label
  }

  all(): readonly Label[] {
    return [...this.#labels.values()]
  }

  /** The trust anchors of all labels. DER. */
  get anchors(): readonly Buffer[] {
    return this.all().flatMap(({ devices }) => devices.anchors)
  }
}

/** DER. */
function readAnchors(file: string): Buffer[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new CaError('badConfiguration', `${file} cannot be read.`, { cause })
  }
  return decodePem(text, 'trust anchors').map(({ der }) => parseCertificate(der, 'badConfiguration').der)
}

function guarded<T>(where: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof CaError) throw bad(where, error.detail)
    throw error
  }
}

function bad(where: string, why: string): CaError {
  return new CaError('badConfiguration', `${where}: ${why}`)
}
