import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'

/** What hosts(5) says of a name, in the order of its lines; empty where it says nothing, or cannot be read. */
export async function hostsFileAddresses(file: string, name: string): Promise<string[]> {
  const text = await readFile(file, 'latin1').catch(() => '')
  const quoted = name.replace(/[^A-Za-z0-9-]/g, '\\$&')
  const lines = new RegExp(
    `^[ \\t]*([0-9a-f:.%a-z]+)(?:[ \\t][^#\\r\\n]*)?[ \\t]${quoted}(?=[ \\t\\r#]|$)`,
    'gim',
  )
  return [...text.matchAll(lines)].map(([, address]) => address!).filter((address) => isIP(address) !== 0)
}
