import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CaError } from '../errors.ts'
import { buildConfig, type Config, type RawOptions } from './config.ts'
import { dataFiles } from './data-directory.ts'
import { type Environment, processEnvironment } from './environment.ts'
import { loadSecrets, type Secrets } from './secrets.ts'
import { parseYaml } from './yaml.ts'

export interface Loaded {
  readonly config: Config
  readonly secrets: Secrets
}

/** Command-line options, which go before the environment, which goes before the file. */
export type Overrides = RawOptions & { readonly dir?: string | undefined }

/**
 * Reads the environment and `chancery.yaml`, if there is one. Throws `CaError` "badConfiguration" with every
 * fault found. The secrets are a value of their own, so that a configuration can be logged.
 */
export function loadConfig(
  environment: Environment = processEnvironment(),
  overrides: Overrides = {},
): Loaded {
  const config = loadOptions(environment, overrides)
  return { config, secrets: loadSecrets(environment, config.dir) }
}

/** The configuration alone, for commands that only need to find the service. */
export function loadOptions(environment: Environment, overrides: Overrides = {}): Config {
  const { dir: given, ...options } = overrides
  const dir = dataDirectory(environment, given)
  return buildConfig({ dir, file: readOptions(dataFiles(dir).options), environment, overrides: options })
}

/** Where the data lies, absolute. */
export function dataDirectory(environment: Environment, given?: string): string {
  return resolve(given || environment.CHANCERY_DIR || './data')
}

function readOptions(file: string): unknown {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new CaError('badConfiguration', `${file} cannot be read: ${(error as Error).message}.`, {
      cause: error,
    })
  }
  return parseOptions(text)
}

/** The text of `chancery.yaml`. */
export function parseOptions(text: string): unknown {
  return parseYaml(text, 'chancery.yaml')
}
