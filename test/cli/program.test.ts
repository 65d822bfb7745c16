import { describe, expect, test } from 'vitest'
import { EXIT, exitCodeFor } from '../../src/cli/exit-codes.ts'
import { chancery } from './console.ts'

const COMMANDS = [
  [],
  ['init'],
  ['serve'],
  ...['create', 'list', 'revoke'].map((verb) => ['token', verb]),
  ...['request', 'renew', 'revoke', 'release', 'list', 'show'].map((verb) => ['cert', verb]),
  ['crl', 'show'],
  ...['list', 'add', 'csr', 'sign', 'install'].map((verb) => ['authority', verb]),
  ['bundle', 'fetch'],
  ...['create', 'list', 'revoke'].map((verb) => ['admin-key', verb]),
]

describe('--help', () => {
  test.each(COMMANDS.map((command) => [command.join(' '), command] as const))(
    'of "chancery %s"',
    async (_, command) => {
      const { exitCode, stdout, stderr } = await chancery([...command, '--help'])
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
      expect(stdout).toContain(`Usage: chancery${command.map((word) => ` ${word}`).join('')}`)
      if (command.length > 0) expect(stdout).toMatch(/--json/)
    },
  )

  test('of the program says what the exit status means', async () => {
    const { stdout } = await chancery(['--help'])
    for (const code of Object.values(EXIT)) expect(stdout).toMatch(new RegExp(`^ {2}${code} {2}\\w`, 'm'))
  })

  test('--version is that of the package', async () => {
    expect((await chancery(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+/)
  })
})

describe('usage errors end with 2, and nothing on standard output', () => {
  test.each([
    [['tokn'], 'Did you mean token?'],
    [['cert', 'revoke', 'AB', '--reason', 'boredom'], 'keyCompromise'],
    [['cert', 'request', '--name', 'a.test'], '--out'],
    [['cert', 'request', '--out', 'x', '--key-type', 'P-224'], 'P-256'],
    [['cert', 'request', '--out', 'x'], 'Name what the certificate is for'],
    [['cert', 'request', '--out', 'x', '--name', 'a_b.test'], 'a_b.test'],
    [['token', 'create'], 'Name what the token is for'],
    [['cert', 'revoke'], 'Give a serial number'],
    [['cert', 'revoke', 'AB', '--out', 'x'], 'Give a serial number'],
    [['cert', 'revoke', 'AB', '--profile', 'server'], '--all-matching'],
    [['cert', 'revoke', 'AB', '--all-matching', '--profile', 'server'], 'not both'],
    [['cert', 'revoke', '--all-matching'], 'at least one filter'],
    [['cert', 'list', '--limit', '0'], 'whole number'],
    [['cert', 'show', 'AB', 'CD'], 'too many arguments'],
    [['bundle', 'fetch', '--fingerprint', 'ab', '--out', 'x'], '64 hexadecimal digits'],
    [
      ['bundle', 'fetch', '--fingerprint', 'ab'.repeat(32), '--out', 'x', '--url', 'ftp://a'],
      '--url must be',
    ],
    [['init', '--validity', 'long'], 'must be a duration'],
    [['init', '--validity', '0'], 'must be an hour at least'],
    [['init', '--path-length', 'deep'], 'none'],
    [['init', '--subject', 'CN'], 'TYPE=value'],
    [['init', '--key-type', 'RSA-2048'], 'RSA-3072'],
    [['init', '--public-url', 'https://a.test'], 'publicUrl must be an http:// address'],
    [['serve', '--tls-port', 'x', '--dir', '/nonexistent'], 'tlsPort must be a whole number'],
    [['serve', '--no-init', '--dir', '/nonexistent/data'], 'holds no CA'],
    [['cert', 'list', '--dir', '/nonexistent'], 'or the data directory with --dir'],
  ])('%j', async (argv, words) => {
    const { exitCode, stdout, stderr } = await chancery(argv)
    expect({ exitCode, stdout }).toEqual({ exitCode: EXIT.usage, stdout: '' })
    expect(stderr).toContain(words)
  })
})

test.each([
  [['tokn', '--json'], /^unknown command 'tokn'/],
  [['cert', 'list', '--limit', '0', '--json'], /It must be a whole number from 1 to 99999;/],
  [['cert', 'list', '--limit', '100000', '--json'], /from 1 to 99999; --all shows every row\.$/],
  [['cert', 'show', '--json'], /^missing required argument 'serial'/],
  [['cert', '--json'], /./],
  [['cert', 'revoke', '--json'], /^Give a serial number/],
])('%j says so in JSON', async (argv, words) => {
  const { exitCode, stdout, stderr } = await chancery(argv)
  expect({ exitCode, stdout }).toEqual({ exitCode: EXIT.usage, stdout: '' })
  expect(JSON.parse(stderr)).toEqual({ detail: expect.stringMatching(words), exitCode: EXIT.usage })
})

test.each([
  [400, EXIT.failed],
  [401, EXIT.notAllowed],
  [403, EXIT.notAllowed],
  [404, EXIT.notFound],
  [409, EXIT.failed],
  [422, EXIT.failed],
  [429, EXIT.unreachable],
  [500, EXIT.failed],
  [503, EXIT.unreachable],
])('HTTP status %d ends with %d', (status, exitCode) => {
  expect(exitCodeFor(status)).toBe(exitCode)
})

test('every command that the help names is found by that name, and by no other', async () => {
  const { stdout } = await chancery(['--help'])
  const names = [...stdout.matchAll(/^ {2}([a-z-]+) (?:\[options\]| )/gm)].map(([, name]) => name!)
  expect(names.length).toBeGreaterThan(15)
  for (const name of names) {
    const { exitCode, stdout: help } = await chancery([name, '--help'])
    expect({ name, exitCode }).toEqual({ name, exitCode: 0 })
    expect(help).toContain(`Usage: chancery ${name}`)
  }
})
