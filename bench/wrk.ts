import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { processorSeconds, startChild } from './processes.ts'
import type { Load } from './rounds.ts'
import { tool } from './tools.ts'

/** How often wrk's own processor time is looked at: it is gone once it has ended. Milliseconds. */
const LOOK = 100

/**
 * Sends the requests over and over, by turns, for some seconds: for servers that answer faster than a client in Node can ask.
 * `requests` are whole ones of HTTP/1.1; `script` is the file that wrk reads them from. Throws on any status but 2xx,
 * and `NotInstalled`.
 */
export async function driveWrk(
  { port, requests, script }: { port: number; requests: readonly Buffer[]; script: string },
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Load> {
  await writeFile(script, lua(requests))
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, `http://127.0.0.1:${port}`]
  const child = startChild(tool('wrk'), args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const start = performance.now()
  let clientCores = 0
  const timer = setInterval(() => {
    if (child.exitCode !== null) return
    clientCores = processorSeconds(child.pid!) / ((performance.now() - start) / 1000)
  }, LOOK)
  const [output] = await Promise.all([text(child.stdout!), once(child, 'exit')])
  clearInterval(timer)
  const { done, duration, failed, p50, p99 } = JSON.parse(output.slice(output.lastIndexOf('{')))
  if (failed > 0) throw new Error(`${failed} of ${done} requests failed`)
  return { done, perSecond: (done * 1e6) / duration, p50: p50 / 1000, p99: p99 / 1000, clientCores }
}

/** wrk counts microseconds. */
function lua(requests: readonly Buffer[]): string {
  const literals = requests.map((bytes) => `"${bytes.reduce((text, byte) => text + escaped(byte), '')}"`)
  return `local requests = {
${literals.join(',\n')}
}
local at = 0
request = function()
  at = at % #requests + 1
  return requests[at]
end
done = function(summary, latency)
  local errors = summary.errors
  local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('{"done": %d, "duration": %d, "failed": %d, "p50": %d, "p99": %d}',
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
`
}

function escaped(byte: number): string {
  return `\\${String(byte).padStart(3, '0')}`
}
