import { Command } from 'commander'
import { Agent } from '../agent/agent.ts'
import { type AgentConfig, loadAgentConfig } from '../agent/config.ts'
import { ConsumerAway } from '../agent/notify/away.ts'
import { systemTiming } from '../agent/timing.ts'
import { createLog, endLog } from '../log.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { untilSignal } from './signals.ts'
import type { Terminal } from './terminal.ts'

interface AgentCommandOptions {
  readonly config: string
  readonly once?: boolean
  readonly check?: boolean
}

export function agentCommand(terminal: Terminal): Command {
  return new Command('agent')
    .description(
      'Keep the certificates of this machine fresh: enrol, renew, fetch staples and CRLs, tell the consumer',
    )
    .option('--config <file>', 'the configuration', '/etc/chancery/agent.yaml')
    .option('--once', 'do what is due and end: for init containers and cron')
    .option('--check', 'look at the configuration and end')
    .action(async (options: AgentCommandOptions) => {
      const config = loadAgentConfig(options.config)
      if (options.check) terminal.stdout(`${options.config} is good.\n`)
      else if (options.once) await runOnce(config, terminal)
      else await runAgent(config, terminal)
    })
}

async function openAgent(config: AgentConfig, { clock, environment }: Terminal) {
  const timing = { ...systemTiming, clock }
  const log = createLog(config.log.level)
  return { agent: await Agent.open({ config, timing, environment, log }), timing, log }
}

async function runOnce(config: AgentConfig, terminal: Terminal): Promise<void> {
  const { agent } = await openAgent(config, terminal)
  try {
    await agent.once(new AbortController().signal)
  } finally {
    await agent.close()
  }
  const failed = agent.keepers.flatMap(({ id, attempts }) =>
    Object.values(attempts)
      // An init container is done before its consumer starts, which then reads the files.
      .filter(({ lastFailure }) => !(lastFailure instanceof ConsumerAway))
      .flatMap(({ lastError }) => (lastError === null ? [] : [`${id}: ${lastError}`])),
  )
  if (failed.length > 0) throw new Failure(EXIT.failed, failed.join(' '))
  const waiting = agent.keepers.filter(({ situation }) => situation.isWaiting).map(({ id }) => id)
  if (waiting.length > 0)
    throw new Failure(EXIT.pending, `Waits for approval: ${waiting.join(', ')}. Run the same command again.`)
}

async function runAgent(config: AgentConfig, terminal: Terminal): Promise<void> {
  const stopped = untilSignal(terminal.clock)
  const { agent, timing, log } = await openAgent(config, terminal)
  const hurry = () => agent.hurry()
  process.on('SIGHUP', hurry)
  const ending = new AbortController()
  try {
    // Without it nothing of it is loaded.
    const listener =
      config.listen &&
      (await (await import('../agent/listener.ts')).listenForQuestions(agent, config.listen, timing))
    const ids = agent.keepers.map(({ id }) => id)
    log.info({ event: 'started', certificates: ids, port: listener?.port }, 'started')
    void stopped.then(() => ending.abort())
    await agent.run(ending.signal)
    await listener?.close()
    log.info({ event: 'stopped' }, 'stopped')
  } finally {
    process.off('SIGHUP', hurry)
    await agent.close()
    endLog()
  }
}
