import { describe, expect, test } from 'vitest'
import { AddressRules } from '../../../src/acme/validation/addresses.ts'

const rules = new AddressRules()

describe('by default', () => {
  test.each([
    '127.0.0.1',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '8.8.8.8',
    '::1',
    'fd00::1',
    'fc00::1',
    '2001:db8::1',
    '::ffff:10.0.0.1',
    '64:ff9b::10.0.0.1',
    '64:ff9b:1::10.0.0.1',
    '2002:a00:1::1',
    'fd00:ec2::253',
  ])('%s may be contacted', (address) => {
    expect(rules.refusal(address)).toBeNull()
  })

  test.each([
    ['0.0.0.0', 'is unspecified'],
    ['0.1.2.3', 'is unspecified'],
    ['::', 'is unspecified'],
    ['169.254.0.1', 'is link-local'],
    ['fe80::1', 'is link-local'],
    ['febf::1', 'is link-local'],
    ['fe80::1%eth0', 'is no address that can be contacted'],
    ['::1%lo', 'is no address that can be contacted'],
    ['169.254.169.254', 'is where clouds keep their metadata'],
    ['100.100.100.200', 'is where clouds keep their metadata'],
    ['168.63.129.16', 'is where clouds keep their metadata'],
    ['192.0.0.192', 'is where clouds keep their metadata'],
    ['fd00:ec2::254', 'is where clouds keep their metadata'],
    ['FD00:0EC2:0:0:0:0:0:254', 'is where clouds keep their metadata'],
    ['fd20:ce::254', 'is where clouds keep their metadata'],
    ['224.0.0.1', 'is multicast'],
    ['239.255.255.255', 'is multicast'],
    ['ff02::1', 'is multicast'],
    ['255.255.255.255', 'is broadcast'],
    ['web.example.test', 'is no address that can be contacted'],
  ])('%s may not: it %s', (address, why) => {
    expect(rules.refusal(address)).toBe(why)
  })

  test.each([
    ['mapped', '::ffff:169.254.169.254'],
    ['mapped in hexadecimal', '::ffff:a9fe:a9fe'],
    ['compatible', '::169.254.169.254'],
    ['translated', '::ffff:0:169.254.169.254'],
    ['NAT64', '64:ff9b::169.254.169.254'],
    ['NAT64 of its own, /96', '64:ff9b:1:1:1:1:169.254.169.254'],
    ['NAT64 of its own, /48', '64:ff9b:1:a9fe:a9:fe00::'],
    ['NAT64 of its own, /64', '64:ff9b:1:1:a9:fea9:fe00:0'],
    ['6to4', '2002:a9fe:a9fe::1'],
    ['Teredo, as the server', '2001:0:a9fe:a9fe::1'],
    ['Teredo, as the client', '2001:0:c000:201:0:0:5601:5601'],
    ['ISATAP', '2001:db8::5efe:169.254.169.254'],
    ['ISATAP, global', '2001:db8::200:5efe:169.254.169.254'],
  ])('metadata in IPv6 (%s) may not', (_, address) => {
    expect(rules.refusal(address)).toBe(
      'stands for 169.254.169.254, which is where clouds keep their metadata',
    )
  })

  test.each([
    ['::ffff:0.0.0.0', 'stands for 0.0.0.0, which is unspecified'],
    ['::ffff:224.0.0.1', 'stands for 224.0.0.1, which is multicast'],
    ['64:ff9b::255.255.255.255', 'stands for 255.255.255.255, which is broadcast'],
  ])('%s may not: it %s', (address, why) => {
    expect(rules.refusal(address)).toBe(why)
  })
})

describe('by configuration', () => {
  const DENIED = 'is in a network that is denied by configuration'

  test('a network is denied, in whatever form it comes', () => {
    const configured = new AddressRules({ denied: ['10.0.0.0/8', 'fd00::/8', '192.0.2.7'] })
    expect(configured.refusal('10.255.255.255')).toBe(DENIED)
    expect(configured.refusal('11.0.0.0')).toBeNull()
    expect(configured.refusal('fd12::1')).toBe(DENIED)
    expect(configured.refusal('fc12::1')).toBeNull()
    expect(configured.refusal('192.0.2.7')).toBe(DENIED)
    expect(configured.refusal('::ffff:10.1.1.1')).toBe(`stands for 10.1.1.1, which ${DENIED}`)
  })

  test('the network with the longest prefix decides', () => {
    const configured = new AddressRules({
      denied: ['0.0.0.0/0', '::/0', '10.9.0.0/16'],
      allowed: ['10.0.0.0/8'],
    })
    expect(configured.refusal('8.8.8.8')).toBe(DENIED)
    expect(configured.refusal('2001:db8::1')).toBe(DENIED)
    expect(configured.refusal('10.1.1.1')).toBeNull()
    expect(configured.refusal('10.9.1.1')).toBe(DENIED)
  })

  test('of two equal networks the denied one decides, and configuration over what is built in', () => {
    expect(new AddressRules({ denied: ['10.0.0.0/8'], allowed: ['10.0.0.0/8'] }).refusal('10.0.0.1')).toBe(
      DENIED,
    )
    const open = new AddressRules({ allowed: ['169.254.0.0/16', '::/0', '0.0.0.0/0'] })
    expect(open.refusal('169.254.1.1')).toBeNull()
    expect(open.refusal('169.254.169.254')).toBe('is where clouds keep their metadata')
    expect(open.refusal('fe80::1')).toBe('is link-local')
    const metadata = new AddressRules({ allowed: ['169.254.169.254'] })
    expect(metadata.refusal('169.254.169.254')).toBeNull()
  })

  test('an IPv6 network that is allowed does not open the IPv4 addresses in it', () => {
    const configured = new AddressRules({ allowed: ['64:ff9b::/96'] })
    expect(configured.refusal('64:ff9b::169.254.169.254')).toMatch('metadata')
    expect(configured.refusal('64:ff9b::10.0.0.1')).toBeNull()
  })

  test('prefixes that end within an octet are exact', () => {
    const configured = new AddressRules({ denied: ['172.16.0.0/12'] })
    expect(configured.refusal('172.31.255.255')).toBe(DENIED)
    expect(configured.refusal('172.32.0.0')).toBeNull()
    expect(configured.refusal('172.15.255.255')).toBeNull()
  })

  test.each([
    '10.0.0.0/33',
    '10.0.0/8',
    '::/129',
    'web.example.test',
    '',
    '10.0.0.0/',
    'fe80::1%eth0/64',
    '10.0.0.0/8/8',
  ])('"%s" is no network', (text) => {
    expect(() => new AddressRules({ denied: [text] })).toThrow('is no network')
  })
})
