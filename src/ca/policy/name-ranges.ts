import { BlockList, isIP } from 'node:net'

/** Whether a DNS name, or a wildcard's base, equals one of these or lies below one. */
export function underSuffix(value: string, suffixes: readonly string[]): boolean {
  const bare = value.startsWith('*.') ? value.slice(2) : value
  return suffixes.some((suffix) => bare === suffix || bare.endsWith(`.${suffix}`))
}

export function inNetworks(address: string, networks: readonly string[] | undefined): boolean {
  if (!networks) return true
  const list = new BlockList()
  for (const network of networks) {
    const [base, prefix] = network.split('/') as [string, string]
    list.addSubnet(base, Number(prefix), isIP(base) === 6 ? 'ipv6' : 'ipv4')
  }
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
