import { basename } from 'node:path'

interface Modules {
  getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null
}

/**
 * Tells the bundler which modules are one file. `files`: of each the modules that it begins with, which bring all that they import
 * and that no file before it has. Null for what none of them imports, and for the entry, whose place in dist/ is its own.
 */
export function bundledFiles(
  entry: string,
  files: readonly (readonly string[])[],
): (id: string, modules: Modules) => string | null {
  let named: Map<string, string> | null = null
  return (id, modules) => {
    named ??= nameAll(files, modules)
    return id === entry ? null : (named.get(id) ?? null)
  }
}

function nameAll(files: readonly (readonly string[])[], modules: Modules): Map<string, string> {
  const named = new Map<string, string>()
  for (const first of files) {
    const left = [...first]
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      if (named.has(id)) continue
      named.set(id, basename(first[0]!, '.ts'))
      left.push(...(modules.getModuleInfo(id)?.importedIds ?? []))
    }
  }
  return named
}
