import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { AgentOptions } from '../../src/agent/schema.ts'
import { fileTable, optionTable } from '../../src/config/table.ts'

const lines = optionTable().trimEnd().split('\n')
const cells = lines.map((line) =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim()),
)

test('every line has the columns of the head, and every option a meaning', () => {
  expect(cells[0]).toEqual(['Option', 'Environment', 'Value', 'Default', 'Meaning'])
  for (const line of cells) expect(line).toHaveLength(5)
  for (const [, , value, , meaning] of cells) {
    expect(value).not.toBe('')
    expect(meaning).not.toBe('')
  }
})

test('lists options, variables, secrets and profiles', () => {
  const named = (name: string) =>
    cells.find(([option, env]) => option === `\`${name}\`` || env === `\`${name}\``)
  expect(named('tlsPort')).toEqual([
    '`tlsPort`',
    '`CHANCERY_TLS_PORT`',
    'a whole number from 0 to 65535',
    '`8443`',
    'Port of the TLS listener: enrolment, administration.',
  ])
  expect(named('CHANCERY_DIR')?.[3]).toBe('`./data`')
  expect(named('CHANCERY_PASSPHRASE_FILE')).toBeDefined()
  expect(named('profiles.<name>.names.dns.wildcards')?.[3]).toBe('`false`')
  expect(named('profiles.<name>.keyTypes')?.[4]).toContain('A new profile must give it')
})

test('the agent’s options are a table as well, what stands in lists and under names with it', () => {
  const agent = fileTable(AgentOptions)
  for (const option of ['`services`', '`certificates.<name>.names`', '`certificates.<name>.notify[].signal`'])
    expect(agent).toContain(`| ${option} | `)
  for (const line of agent.trimEnd().split('\n').slice(2))
    expect(line).toMatch(/^\| `\S+` \| [^|]+ \| [^|]*\| [^|]+ \|$/)
  expect(readFileSync(new URL('../../docs/agent.md', import.meta.url), 'utf8')).toContain(`\n${agent}\n`)
})
