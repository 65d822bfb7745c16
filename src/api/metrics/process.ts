import { readdir } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import type { Registry } from 'prom-client'
import { counter, gauge } from '../../metrics/exposition.ts'

/** What the process takes of the machine, under the names that everybody’s dashboards know. */
export function describeProcess(registry: Registry): void {
  const one = (value: number) => [{ labels: {}, value }]
  counter(
    registry,
    { name: 'process_cpu_seconds_total', help: 'Processor time, user and system, of all threads.' },
    () => {
      const { user, system } = process.cpuUsage()
      return one((user + system) / 1e6)
    },
  )
  gauge(registry, { name: 'process_resident_memory_bytes', help: 'Memory in use.' }, () =>
    one(process.memoryUsage.rss()),
  )
  gauge(registry, { name: 'process_start_time_seconds', help: 'When the process started, since 1970.' }, () =>
    one(performance.timeOrigin / 1000),
  )
  // Where there is no /proc, it is left out.
  gauge(registry, { name: 'process_open_fds', help: 'Open files and connections.' }, async () =>
    one((await readdir('/proc/self/fd')).length),
  )
  counter(
    registry,
    {
      name: 'nodejs_event_loop_active_seconds_total',
      help: 'Time for which the main thread was busy: its rate is 1 where there is no more to give.',
    },
    () => one(performance.eventLoopUtilization().active / 1000),
  )
}
