import { parseArgs } from 'node:util'

/** How much is asked, and of whom. The smaller defaults keep a whole run within some minutes. */
export interface Options {
  readonly rounds: number
  /** Issuance: certificates in a round, and at how many connections. */
  readonly count: number
  readonly connections: readonly number[]
  /** ACME: orders in a round, by how many accounts. */
  readonly orders: number
  readonly accounts: number
  /** OCSP: seconds of a round. */
  readonly seconds: number
  /** Start: certificates issued until memory is looked at again. */
  readonly issued: number
  /** Questions that have one run their longer variant. */
  readonly long: boolean
  /** The folder of another checkout, to be measured as well. */
  readonly beside: string | undefined
  /** Where the service leaves a profile of its processor time. */
  readonly profiles: string | undefined
  /** Where the report goes; none where not every question is asked. */
  readonly report: string | undefined
  /** The questions' names, and the options that were given, for the command that reproduces them. */
  readonly names: readonly string[]
  readonly given: readonly string[]
}

export function readOptions(all: readonly string[]): Options {
  const { values, positionals, tokens } = parseArgs({
    allowPositionals: true,
    tokens: true,
    options: {
      rounds: { type: 'string', default: '3' },
      count: { type: 'string', default: '5000' },
      connections: { type: 'string', default: '1,8,32' },
      orders: { type: 'string', default: '600' },
      accounts: { type: 'string', default: '8' },
      seconds: { type: 'string', default: '3' },
      issued: { type: 'string' },
      long: { type: 'boolean', default: false },
      beside: { type: 'string' },
      'cpu-prof': { type: 'string' },
      report: { type: 'string' },
    },
  })
  const unknown = positionals.filter((name) => !all.includes(name))
  if (unknown.length > 0) {
    throw new Error(`${unknown.join(', ')}: no such question. There are ${all.join(', ')}.`)
  }
  const number = (name: 'rounds' | 'count' | 'orders' | 'accounts' | 'seconds') => Number(values[name])
  const given = tokens.flatMap((token) =>
    token.kind === 'option' && token.name !== 'report'
      ? [`--${token.name}${token.value === undefined ? '' : ` ${token.value}`}`]
      : [],
  )
  return {
    ...{ rounds: number('rounds'), count: number('count'), orders: number('orders') },
    ...{ accounts: number('accounts'), seconds: number('seconds') },
    connections: values.connections.split(',').map(Number),
    issued: Number(values.issued ?? (values.long ? 500_000 : 10_000)),
    ...{ long: values.long, beside: values.beside, profiles: values['cpu-prof'], given },
    report: values.report ?? (positionals.length === 0 ? 'docs/performance.md' : undefined),
    names: positionals.length === 0 ? all : positionals,
  }
}
