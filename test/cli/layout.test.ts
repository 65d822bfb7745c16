import { expect, test } from 'vitest'
import { banner } from '../../src/cli/banner.ts'
import { colonHex, facts, plain, table } from '../../src/cli/layout.ts'

test('a table lines up, with no space at the end of a line', () => {
  expect(
    table(
      ['id', 'name'],
      [
        ['1', 'a'],
        ['100', ''],
      ],
    ),
  ).toBe('ID   NAME\n1    a\n100\n')
  expect(table(['id'], [])).toBe('ID\n')
})

test('facts without a value are left out', () => {
  expect(
    facts([
      ['A', '1'],
      ['Longer', null],
      ['Bc', ''],
      ['De', '2'],
    ]),
  ).toBe('A   1\nDe  2\n')
})

test('control and direction characters cannot steer the terminal', () => {
  expect(plain('a\u001b[2J\u202eb')).toBe('a\\u{1b}[2J\\u{202e}b')
})

test('a fingerprint in the form of other tools', () => {
  expect(colonHex('00ffab')).toBe('00:FF:AB')
})

test('the banner has a line to paste, quoted for a shell', () => {
  const running = {
    tlsUrl: 'https://localhost:9443',
    httpUrl: 'http://localhost:9080',
    rootFingerprint: 'ab'.repeat(32),
    adminKeyFile: '/srv/it’s/admin.key',
  }
  const text = banner(running, { CHANCERY_DIR: "/srv/it's", CHANCERY_TLS_PORT: '9443' })
  expect(text).toContain(
    "\n  CHANCERY_DIR='/srv/it'\\''s' CHANCERY_TLS_PORT=9443 npx chancery cert request --name web.example.test --out ./web\n",
  )
  expect(text).toContain('AB:AB:')
  expect(banner(running, {})).toContain('\n  npx chancery cert request')
})
