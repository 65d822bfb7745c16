import { generateKeyPairSync } from 'node:crypto'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dataFiles } from '../../src/config/data-directory.ts'
import { subjectAltName } from '../../src/pki/certificate/extensions.ts'
import { encodeCsr } from '../../src/pki/csr/encode.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import { generateDirectory } from '../generate/directory.ts'
import { issueSeeds } from '../generate/seeds.ts'
import { drive, type Post } from '../load.ts'
import { plotSvg } from '../plot.ts'
import { type RunningService, startService, usage } from '../processes.ts'
import { slowestSearch } from '../searches.ts'
import type { Section } from '../section.ts'

export interface GrowthOptions {
  /** How many certificates the inventory has before, for each measurement; 10 million take a quarter of an hour and 13 GB. */
  readonly rows: readonly number[]
  /** Certificates that are issued at each. */
  readonly count: number
  readonly connections: number
}

const GROWTH_DEFAULTS: GrowthOptions = { rows: [0, 100_000, 1_000_000], count: 6000, connections: 32 }

interface Measurement {
  readonly rows: number
  readonly readyMs: number
  readonly perSecond: number
  readonly p99: number
  readonly cpu: number
  readonly peakMemory: number
  readonly bytesEach: number
  /** Milliseconds, of the slowest search. */
  readonly search: number
  readonly slowest: string
}

/** What each further certificate costs where very many were issued before: the service is the same, its database is larger. */
export async function growth(options: Partial<GrowthOptions> = {}): Promise<Section> {
  const { rows, count, connections } = { ...GROWTH_DEFAULTS, ...options }
  const folder = await mkdtemp(join(tmpdir(), 'chancery-growth-'))
  const measured: Measurement[] = []
  try {
    const seeds = join(folder, 'seeds')
    if (rows.some((many) => many > 0)) await issueSeeds(await made(seeds), 2000)
    for (const many of rows) {
      const directory = join(folder, 'data')
      await made(directory)
      if (many > 0) await generateDirectory(directory, { rows: many, from: seeds, seeds: 0, years: 3 })
      measured.push(await measure(directory, many, count, connections))
      await rm(directory, { recursive: true })
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return section(measured, count, connections)
}

async function made(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true })
  return directory
}

async function measure(
  directory: string,
  rows: number,
  count: number,
  connections: number,
): Promise<Measurement> {
  const { size } = await stat(dataFiles(directory).database).catch(() => ({ size: 0 }))
  if (rows > 0) {
    // The first start makes the CRL that a service which had run all the time would have.
    await (await startService([], {}, undefined, directory)).stop()
  }
  const before = performance.now()
  const service = await startService([], {}, undefined, directory)
  const readyMs = performance.now() - before
  try {
    await enrol(service, 500, 8)
    const posts = await enrolments(service, count)
    const { cpu } = usage(service)
    const { perSecond, p99 } = await drive(target(service), posts, connections)
    const after = usage(service)
    const { ms: search, search: slowest } = await slowestSearch(service)
    return {
      ...{ search, slowest },
      ...{ rows, readyMs, perSecond, p99, cpu: ((after.cpu - cpu) * 1000) / count },
      ...{ peakMemory: after.peakMemory, bytesEach: rows > 0 ? size / rows : 0 },
    }
  } finally {
    await service.stop()
  }
}

const target = ({ port, root }: RunningService) => ({ port, ca: root })

async function enrol(service: RunningService, count: number, connections: number): Promise<void> {
  await drive(target(service), await enrolments(service, count), connections)
}

/** Distinct P-256 CSRs, with a one-time token for each. */
async function enrolments(service: RunningService, count: number): Promise<Post[]> {
  const admin = { authorization: `Bearer ${service.adminKey}`, 'content-type': 'application/json' }
  const run = Math.random().toString(36).slice(2, 8)
  const names = Array.from({ length: count }, (_, n) => `host-${n}-${run}.bench.example.test`)
  const wanted = names.map((name) => ({
    path: '/v1/tokens',
    headers: admin,
    body: Buffer.from(JSON.stringify({ names: [name] })),
  }))
  const { bodies } = await drive(target(service), wanted, 8)
  return names.map((name, n) => {
    const { token } = JSON.parse(bodies[n]!.toString()) as { token: string }
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const extensions = [subjectAltName([{ type: 'dns', value: name }], false)]
    const subject = encodeName([{ type: 'CN', value: name }])
    return {
      path: '/v1/certificates',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/pkcs10' },
      body: encodeCsr({ key: privateKey, subject, extensions }),
    }
  })
}

function section(measured: readonly Measurement[], count: number, connections: number): Section {
  const places = measured.map(({ rows }) => rows.toLocaleString('en'))
  const svg = plotSvg({
    title: 'Certificates per second, by how many were issued before',
    ...{ x: 'certificates in the database', y: 'per second', places },
    series: [
      {
        name: `Chancery, ${connections} connections`,
        points: measured.map(({ perSecond }, x) => ({ x, y: perSecond })),
      },
    ],
  })
  return {
    title: 'What growth costs',
    text: [
      `${count.toLocaleString('en')} certificates by one-time tokens over ${connections} connections, into databases that have so many already: ` +
        'copies of some thousand that were really issued, over three years, with all their rows (`bench/generate`).',
      'Searches are for the first page of the inventory, as whoever asks has it; the median of the slowest of ten.',
    ],
    head: [
      'certificates before',
      'ready after ms',
      'issued per second',
      'p99 ms',
      'server CPU ms each',
      'peak memory MB',
      'database octets each',
      'slowest search ms',
    ],
    rows: measured.map(({ rows, readyMs, perSecond, p99, cpu, peakMemory, bytesEach, search, slowest }) => [
      rows.toLocaleString('en'),
      readyMs.toFixed(0),
      perSecond.toFixed(0),
      p99.toFixed(1),
      cpu.toFixed(2),
      peakMemory.toFixed(0),
      bytesEach ? bytesEach.toFixed(0) : '',
      `${search.toFixed(1)} (${slowest || 'no filter'})`,
    ]),
    figure: { name: 'growth.svg', svg },
  }
}
