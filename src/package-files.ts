import { extname } from 'node:path'

// This file stands one level below the package's top: as src/package-files.ts, and in the bundle, whose shared parts all lie
// in dist/ itself (scripts/bundle.ts sees to it).

/** A file that the package brings, by its path from the package's top. */
export function packageFile(path: string): URL {
  return new URL(`../${path}`, import.meta.url)
}

/** The entry of a thread, by its path from src/ without extension: .ts from the sources, .js from the bundle. */
export function threadEntry(path: string): URL {
  return new URL(`./${path}${extname(import.meta.url)}`, import.meta.url)
}
