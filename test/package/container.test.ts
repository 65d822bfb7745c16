import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../eventually.ts'
import { freePort } from '../free-port.ts'

/** The steps of the Containerfile, done in folders in the place of images: a machine for tests has no container engine. */
const checkout = fileURLToPath(new URL('../..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'chancery-container-'))
const isRoot = process.getuid?.() === 0
/** Whether processes can be another user's, who may not be let to where Node is. */
const changesUser =
  isRoot && spawnSync(process.execPath, ['--version'], { uid: 10001, gid: 10001 }).status === 0
const running: ChildProcess[] = []

interface Image {
  readonly root: string
  user: string
  entrypoint: string[]
  command: string[]
  health: string[]
  readonly environment: Record<string, string>
}

let image: Image

/** A path of the image, in its folder. */
const inside = (root: string, path: string) => (path.startsWith('/') ? join(root, path) : path)

function build(): Image {
  const stages = new Map<string, string>()
  let built: Image | undefined
  let place = ''
  const lines = readFileSync(join(checkout, 'deploy/Containerfile'), 'utf8').split('\n')
  for (const line of lines.filter((one) => one !== '' && !one.startsWith('#'))) {
    const [, word, rest] = /^(\w+) (.*)$/.exec(line)!
    const [first = '', ...others] = rest!.split(' ')
    if (word === 'FROM') {
      const root = mkdtempSync(join(scratch, 'stage-'))
      chmodSync(root, 0o755)
      stages.set(others[1] ?? '', root)
      built = { root, user: '', entrypoint: [], command: [], health: [], environment: {} }
      continue
    }
    const { root } = built!
    if (word === 'WORKDIR') {
      place = join(root, first)
      mkdirSync(place, { recursive: true })
    } else if (word === 'COPY') {
      const [, stage] = /^--from=(.*)$/.exec(first) ?? []
      const names = stage === undefined ? [first, ...others] : others
      const target = join(place, names.at(-1)!)
      for (const name of names.slice(0, -1)) {
        const from = stage === undefined ? join(checkout, name) : inside(stages.get(stage)!, name)
        cpSync(from, names.at(-1)!.endsWith('/') ? join(target, name) : target, {
          recursive: true,
          verbatimSymlinks: true,
        })
      }
    } else if (word === 'RUN') runStep(rest!.replaceAll(' /', ` ${root}/`), place)
    else if (word === 'ENV') {
      const [name, value] = first.split('=')
      built!.environment[name!] = inside(root, value!)
    } else if (word === 'USER') built!.user = rest!
    else if (word === 'ENTRYPOINT') built!.entrypoint = JSON.parse(rest!)
    else if (word === 'CMD') built!.command = JSON.parse(rest!)
    else if (word === 'HEALTHCHECK') built!.health = JSON.parse(/CMD (\[.*\])$/.exec(rest!)![1]!)
    else expect(['VOLUME', 'EXPOSE']).toContain(word)
  }
  return built!
}

function runStep(command: string, cwd: string): void {
  const own = isRoot ? command : command.replace(/ -o \d+ -g \d+/, '')
  execFileSync('sh', ['-c', own], {
    cwd,
    env: environment({ npm_config_prefer_offline: 'true' }),
    stdio: 'pipe',
  })
}

function environment(more: Record<string, string>): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env
  return { PATH: `${dirname(process.execPath)}:${PATH}`, HOME, ...more }
}

/** A process as the image has it: its user, its variables, its files. */
function start(words: readonly string[], variables: Record<string, string>): ChildProcess {
  const [program, ...args] = words.map((word) => (word.startsWith('/opt/') ? inside(image.root, word) : word))
  const [uid, gid] = image.user.split(':').map(Number)
  const child = spawn(program === 'node' ? process.execPath : program!, args, {
    cwd: image.root,
    env: environment({ ...image.environment, ...variables }),
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(changesUser ? { uid: uid!, gid: gid! } : {}),
  })
  running.push(child)
  return child
}

async function ended(child: ChildProcess): Promise<unknown> {
  return child.exitCode ?? (await once(child, 'exit'))[0]
}

beforeAll(() => {
  chmodSync(scratch, 0o755)
  image = build()
}, 300_000)

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL')
  await Promise.all(running.map(ended))
  rmSync(scratch, { recursive: true, force: true })
})

test('the image has what runs, and neither compiler nor sources', () => {
  const place = join(image.root, 'opt/chancery')
  for (const name of [
    'bin/chancery.js',
    'dist/cli.js',
    'console/dist/index.html',
    'node_modules/fastify',
    'migrations',
    'proto',
    'openapi.yaml',
  ])
    expect(existsSync(join(place, name)), name).toBe(true)
  for (const name of [
    'src',
    'test',
    'node_modules/typescript',
    'node_modules/vitest',
    'node_modules/.bin/tsc',
  ])
    expect(existsSync(join(place, name)), name).toBe(false)
  expect(image.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
})

test('a service in it begins without being root, writes below /data alone, and its health is found out', async () => {
  const [http, tls] = [await freePort(), await freePort()]
  const variables = {
    CHANCERY_HOST: '127.0.0.1',
    CHANCERY_HTTP_PORT: String(http),
    CHANCERY_TLS_PORT: String(tls),
    CHANCERY_LOG_LEVEL: 'error',
  }
  expect(await ended(start(image.health, variables))).toBe(1)
  expect(await ended(start([...image.entrypoint, ...image.command], variables))).not.toBe(0)
  expect(await ended(start([...image.entrypoint, 'init'], variables))).toBe(0)
  const files = (folder: string) => execFileSync('find', [folder, '-newer', mark], { encoding: 'utf8' })
  const mark = join(scratch, 'mark')
  execFileSync('touch', [mark])
  const service = start([...image.entrypoint, ...image.command], variables)
  await eventually(async () => expect(await ended(start(image.health, variables))).toBe(0))
  service.kill('SIGTERM')
  expect(await ended(service)).toBe(0)
  expect(files(join(image.root, 'data'))).toContain('chancery.db')
  if (changesUser) expect(files(join(image.root, 'opt'))).toBe('')
}, 90_000)
