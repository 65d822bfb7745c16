import { BlockList, isIP } from 'node:net'

/** Whether a DNS name, or a wildcard's base, equals one of these or lies below one. */
export function underSuffix(value: string, suffixes: readonly string[]): boolean {
  const bare = value.startsWith('*.') ? value.slice(2) : value
  return suffixes.some((suffix) => bare === suffix || bare.endsWith(`.${suffix}`))
}

export function inNetworks(address: string, networks: readonly string[] | undefined): boolean {
  if (!networks) return true
  const version = isIP(address)
  const family = version === 6 ? 'ipv6' : 'ipv4'
  const list = new BlockList()
  for (const network of networks) {
    const [base, prefix] = network.split('/') as [string, string]
    // Node takes an IPv4 address for one of ::ffff:0:0/96, so that "::/0" would hold every one.
    if (isIP(base) === version) list.addSubnet(base, Number(prefix), family)
  }
  return list.check(address, family)
}
