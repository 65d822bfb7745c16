import { stat, statfs } from 'node:fs/promises'
import type { Registry } from 'prom-client'
import { counter, gauge, histogram } from '../../metrics/exposition.ts'
import { Labelled } from '../../metrics/labelled.ts'
import type { Distribution } from '../../metrics/timings.ts'
import type { Service } from '../../service.ts'

/** The writer, the files and the disk below them. */
export function describeStore(registry: Registry, { store, config }: Service): void {
  const { refused, failedBatches, commits, batches, batchSizes } = store.figures
  const one = (value: number) => [{ labels: {}, value }]
  gauge(registry, { name: 'chancery_writer_healthy', help: '1 while the database can be written.' }, () =>
    one(Number(store.healthy)),
  )
  gauge(registry, { name: 'chancery_writer_queue_commands', help: 'Writes that wait for the disk.' }, () =>
    one(store.figures.waiting),
  )
  gauge(
    registry,
    { name: 'chancery_writer_queue_limit_commands', help: 'Writes that may wait; more are refused.' },
    () => one(store.figures.limit.commands),
  )
  gauge(registry, { name: 'chancery_writer_queue_bytes', help: 'Size of the writes that wait.' }, () =>
    one(store.figures.bytes),
  )
  counter(
    registry,
    { name: 'chancery_writer_refused_total', help: 'Writes that were refused since the queue was full.' },
    () => one(refused.count),
  )
  counter(
    registry,
    { name: 'chancery_writer_failed_batches_total', help: 'Batches of writes that could not be committed.' },
    () => one(failedBatches.count),
  )
  histogram(
    registry,
    {
      name: 'chancery_writer_commit_duration_seconds',
      help: 'Time that each commit took, which waits until the disk has it.',
    },
    unlabelled(commits),
  )
  histogram(
    registry,
    {
      name: 'chancery_writer_batch_duration_seconds',
      help: 'Time from the first command of a batch to the end of its commit.',
    },
    unlabelled(batches),
  )
  histogram(
    registry,
    { name: 'chancery_writer_batch_size', help: 'Writes that shared a commit.' },
    unlabelled(batchSizes),
  )
  gauge(
    registry,
    {
      name: 'chancery_database_size_bytes',
      help: 'Size of the database and of its write-ahead log.',
      labels: ['file'],
    },
    async () => [
      { labels: { file: 'database' }, value: await sizeOf(store.databaseFile) },
      { labels: { file: 'wal' }, value: await sizeOf(`${store.databaseFile}-wal`) },
    ],
  )
  gauge(
    registry,
    {
      name: 'chancery_disk_size_bytes',
      help: 'Size of the file system that holds the data directory.',
    },
    async () => {
      const { blocks, bsize } = await statfs(config.dir)
      return one(blocks * bsize)
    },
  )
  gauge(
    registry,
    {
      name: 'chancery_disk_free_bytes',
      help: 'What is left of it for the user that the service runs as.',
    },
    async () => {
      const { bavail, bsize } = await statfs(config.dir)
      return one(bavail * bsize)
    },
  )
}

/** 0 where there is none: the log is gone after a clean end. */
async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => null))?.size ?? 0
}

function unlabelled(figure: Distribution): Labelled<Distribution> {
  const one = new Labelled([], () => figure)
  one.of()
  return one
}
