import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { npmStart } from '../../bench/npm-start.ts'

/** A checkout of its own, whose sources may be edited. */
const checkout = fileURLToPath(new URL('../..', import.meta.url))
/** As `npm start` starts it: V8 takes code only where its flags are the same. */
const { environment: bounds, flags } = npmStart(checkout)
const copy = mkdtempSync(join(tmpdir(), 'chancery-bundle-'))

beforeAll(() => {
  for (const name of ['bin', 'src', 'scripts', 'migrations', 'package.json']) {
    cpSync(join(checkout, name), join(copy, name), { recursive: true, preserveTimestamps: true })
  }
  symlinkSync(join(checkout, 'node_modules'), join(copy, 'node_modules'))
  run('scripts/bundle.ts')
})

afterAll(() => rmSync(copy, { recursive: true, force: true }))

function run(...args: readonly string[]): string {
  return execFileSync(process.execPath, args, {
    cwd: copy,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** The bundle says who it is, as old as it was. */
function mark(): void {
  writeFileSync(join(copy, 'dist/cli.js'), 'console.log("the bundle")\n')
  const built = new Date(Date.now() - 1000)
  const before = new Date(Date.now() - 5000)
  const { length } = execFileSync('find', ['src', '-exec', 'touch', '-d', before.toISOString(), '{}', '+'], {
    cwd: copy,
  })
  expect(length).toBe(0)
  utimesSync(join(copy, 'dist/cli.js'), built, built)
}

describe('the bundle', () => {
  it('is started ahead, and its code kept for the first start that somebody waits for', () => {
    run('scripts/warm-start.ts')
    const { stdout, stderr } = spawnSync(process.execPath, [...flags, 'bin/chancery.js', 'serve', '--help'], {
      cwd: copy,
      encoding: 'utf8',
      env: { ...process.env, ...bounds, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
    })
    const written = `${stdout}${stderr}`
    expect(written).toMatch(/cli-serve-[^/]+\.js was accepted/)
    expect(written).not.toMatch(/\/dist\/.* was (?:not found|rejected)/)
  })

  it('starts with what V8 compiled before: of Node’s own modules, and of an earlier start that has ended', () => {
    const [uncached, data] = [join(copy, 'uncached.json'), join(copy, 'served')]
    // What Node knows of its own modules, once the service is ready; which then ends.
    const look = join(copy, 'look.cjs')
    writeFileSync(
      look,
      `const { internalBinding } = require('internal/test/binding')
      const write = process.stdout.write.bind(process.stdout)
      process.stdout.write = (text, ...rest) => {
        if (String(text).includes('is ready')) {
          const { compiledWithoutCache } = internalBinding('builtins').getCacheUsage()
          require('node:fs').writeFileSync(${JSON.stringify(uncached)}, JSON.stringify([...compiledWithoutCache]))
          setImmediate(() => process.kill(process.pid, 'SIGTERM'))
        }
        return write(text, ...rest)
      }`,
    )
    const serve = () =>
      spawnSync(
        process.execPath,
        [...flags, '--expose-internals', '--require', look, 'bin/chancery.js', 'serve'],
        {
          cwd: copy,
          encoding: 'utf8',
          env: {
            ...process.env,
            ...{ CHANCERY_DIR: data, CHANCERY_TLS_PORT: '0', CHANCERY_HTTP_PORT: '0' },
            ...{ ...bounds, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
            // Not where others have left theirs.
            NODE_COMPILE_CACHE: join(copy, 'compiled'),
          },
        },
      )
    expect(serve().status).toBe(0)
    const { status, stderr } = serve()
    expect(status, stderr).toBe(0)
    expect(JSON.parse(readFileSync(uncached, 'utf8'))).toEqual([])
    expect(stderr).toMatch(/\/dist\/server-[^/]+\.js was accepted/)
    expect(stderr).not.toMatch(/\/dist\/.* was (?:not found|rejected)/)
  })

  it('makes a hierarchy, so that it finds what the package brings and its threads', () => {
    rmSync(join(copy, 'src'), { recursive: true })
    const made = JSON.parse(run('bin/chancery.js', 'init', '--dir', join(copy, 'data'), '--json'))
    expect(made.rootFingerprint).toMatch(/^[0-9a-f]{64}$/)
    cpSync(join(checkout, 'src'), join(copy, 'src'), { recursive: true })
  })

  it('runs where it is newer than every source', () => {
    mark()
    expect(run('bin/chancery.js', '--version')).toBe('the bundle\n')
  })

  it('is passed over once a source was edited, or a file added or removed', () => {
    mark()
    writeFileSync(join(copy, 'src/added.ts'), '')
    expect(run('bin/chancery.js', '--version')).toMatch(/^\d+\.\d+\.\d+\n$/)
    mark()
    rmSync(join(copy, 'src/added.ts'))
    expect(run('bin/chancery.js', '--version')).toMatch(/^\d+\.\d+\.\d+\n$/)
    mark()
    cpSync(join(checkout, 'src/errors.ts'), join(copy, 'src/errors.ts'))
    expect(run('bin/chancery.js', '--version')).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})
