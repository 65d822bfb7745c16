import { existsSync } from 'node:fs'

export const APACHE = '/usr/sbin/apache2'
const MODULES = '/usr/lib/apache2/modules'

export function apacheIsMissing(): boolean {
  const isMissing = !existsSync(APACHE)
  if (isMissing && process.env.CI) throw new Error('apache2 must be installed where CI is set')
  return isMissing
}

/** The lines that load these modules; what is built in has no file. */
export function loadModules(names: readonly string[]): string {
  return names
    .map((name) => [name, `${MODULES}/mod_${name}.so`] as const)
    .filter(([, file]) => existsSync(file))
    .map(([name, file]) => `LoadModule ${name}_module ${file}\n`)
    .join('')
}
