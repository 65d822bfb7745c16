import { existsSync, statSync } from 'node:fs'
import { extname } from 'node:path'
import { CaError } from './errors.ts'

// This file stands one level below the package's top: as src/package-files.ts, and in the bundle, whose shared parts all lie
// in dist/ itself (scripts/bundle.ts sees to it).

/** A file that the package brings, by its path from the package's top. */
export function packageFile(path: string): URL {
  return new URL(`../${path}`, here())
}

/** The entry of a thread, by its path from src/ without extension: .ts from the sources, .js from the bundle. */
export function threadEntry(path: string): URL {
  return new URL(`./${path}${extname(here())}`, here())
}

/** What whoever bundles a program is told to do. */
export const LEAVE_OUT =
  'have the bundler leave the package out (esbuild: --external:chancery; webpack: externals; Next.js: serverExternalPackages)'

/**
 * Before anything is written: in a program that a bundler made of the host's code and this, neither threads nor migrations nor the
 * database's driver are where they are looked for, and what is said of the first that is missed tells nobody why.
 */
export function refuseBundled(): void {
  // Turbopack puts single files where the address of a folder leads.
  const folder = statSync(packageFile('migrations'), { throwIfNoEntry: false })
  if (!folder?.isDirectory() || !existsSync(threadEntry('store/writer-thread'))) throw bundled()
}

/** esbuild leaves it undefined where it makes CommonJS. */
function here(): string {
  const url = import.meta.url as string | undefined
  if (url === undefined) throw bundled()
  return url
}

function bundled(): CaError {
  return new CaError(
    'badConfiguration',
    `Chancery was put into a bundle, away from the files that it reads: ${LEAVE_OUT}, and install it beside the program.`,
  )
}
