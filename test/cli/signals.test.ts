import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test, vi } from 'vitest'
import { untilSignal } from '../../src/cli/signals.ts'

const SIGNALS = new URL('../../src/cli/signals.ts', import.meta.url).href

/** A process with a thread in a call that never ends, like a sync of a disk that does not answer. */
function processWithStuckThread(main: string, before: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-signals-'))
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const stuck = `require('node:worker_threads').parentPort.postMessage('')
    require('node:fs').openSync(${JSON.stringify(pipe)}, 'r')`
  const script = `import { Worker } from 'node:worker_threads'
    import { endWithin, untilSignal } from ${JSON.stringify(SIGNALS)}
    const worker = new Worker(${JSON.stringify(stuck)}, { eval: true, execArgv: [] })
    await new Promise((resolve) => worker.once('message', resolve))
    ${main}`
  const [command, ...args] = [...before, process.execPath, '--input-type=module', '-e', script]
  const child = spawn(command!, args)
  onTestFinished(() => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  return { child, ended: once(child, 'exit'), errors: text(child.stderr) }
}

test('a second signal ends the process though a thread is stuck', async () => {
  const { child, ended } = processWithStuckThread(`
    let now = 0
    const first = untilSignal(() => new Date((now += 2000)))
    process.stdout.write('ready')
    await first
    process.stdout.write('first')
    setInterval(() => {}, 1000)`)
  expect(String((await once(child.stdout, 'data'))[0])).toBe('ready')
  child.kill('SIGTERM')
  expect(String((await once(child.stdout, 'data'))[0])).toBe('first')
  child.kill('SIGTERM')
  expect(await ended).toEqual([null, 'SIGKILL'])
})

test('an end that does not come is not waited for beyond its bound, and the words say why', async () => {
  const { ended, errors } = processWithStuckThread('await endWithin(new Promise(() => {}), 50)')
  expect(await ended).toEqual([null, 'SIGKILL'])
  expect(await errors).toContain('had not ended after 0.05 seconds')
})

/** As the first process of a container is: whoever ends it, it is not itself by a signal. Needs root. */
const FIRST_PROCESS = ['unshare', '--pid', '--fork', '--kill-child']

test.skipIf(spawnSync(FIRST_PROCESS[0]!, [...FIRST_PROCESS.slice(1), 'true']).status !== 0)(
  'also the first process of a container ends',
  async () => {
    const { ended, errors } = processWithStuckThread(
      'await endWithin(new Promise(() => {}), 50)',
      FIRST_PROCESS,
    )
    expect(await ended).toEqual([137, null])
    expect(await errors).toContain('had not ended after 0.05 seconds')
  },
)

test('an end that comes in time is the end of what was waited for', async () => {
  const { child, ended } = processWithStuckThread(`
    await endWithin(Promise.resolve(), 3_600_000)
    process.stdout.write('ended')`)
  expect(String((await once(child.stdout, 'data'))[0])).toBe('ended')
  child.kill('SIGKILL')
  await ended
})

test.for([
  ['an echo ends nothing', 500, 0],
  ['a later one ends the process', 5000, 1],
  ['also after the clock was set back', -3_600_000, 1],
] as const)('a second signal: %s', async ([, later, ends]) => {
  const receivers: ((signal: NodeJS.Signals) => void)[] = []
  const on = vi.spyOn(process, 'on').mockImplementation(((
    _: string,
    receiver: (signal: NodeJS.Signals) => void,
  ) => {
    receivers.push(receiver)
    return process
  }) as typeof process.on)
  const kill = vi.spyOn(process, 'kill').mockReturnValue(true)
  const execve = vi.spyOn(process, 'execve').mockReturnValue(undefined as never)
  onTestFinished(() => {
    on.mockRestore()
    kill.mockRestore()
    execve.mockRestore()
  })
  let now = 1_800_000_000_000
  const stopped = untilSignal(() => new Date(now))
  receivers[0]!('SIGTERM')
  expect(await stopped).toBe('SIGTERM')
  now += later
  receivers[0]!('SIGTERM')
  expect(kill).toHaveBeenCalledTimes(ends)
})
