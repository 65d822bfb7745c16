#!/usr/bin/env node
import { existsSync, readdirSync, statSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Plain JavaScript of an old dialect: it has to run where Node is too old for the rest, and say so.
const MINIMUM = 24

// Before anything else, since it begins anew.
if (process.argv[2] === 'serve') saveMemory()

const here = new URL('.', import.meta.url)
// An installed package has only what the build made of the sources. A checkout has both, and what was edited since counts.
const built = new URL(`../dist/${process.argv[2] === 'serve' ? 'cli-serve' : 'cli'}.js`, here)
const sources = new URL('../src', here)
const entry = existsSync(sources) && !isUpToDate() ? new URL('../src/cli.ts', here) : built

if (process.env.npm_command === 'exec') endWithParent()
// They say that they are a Node.js, and lack some of it: Bun part of node:tls, Deno what the database's writer needs.
const { node, deno, bun } = process.versions
if (!deno && !bun && Number(node.split('.')[0]) >= MINIMUM) {
  // Compiled code is kept beside the package, where only its owner can write; where nobody can, it is compiled each time.
  module.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/chancery', here)))
  await import(entry.href)
} else {
  const newer = newerNode()
  if (newer) await runWith(newer)
  else {
    const own = deno ? `Deno ${deno}` : bun ? `Bun ${bun}` : process.version
    process.stderr.write(
      `chancery needs Node.js ${MINIMUM} or newer, and this is ${own}. Install that, or "npm install node" beside chancery.\n`,
    )
    process.exitCode = 2
  }
}

/**
 * What V8 and glibc keep for later is as much as the service needs: 340 MB under load instead of 235. Most of it is told at the
 * start of a process alone, so this one starts once more in its own place, unless somebody has chosen something for it.
 */
function saveMemory() {
  const { execve, execPath, execArgv, argv, env } = process
  const chosen = `${execArgv.join(' ')} ${env.NODE_OPTIONS}`.includes('semi-space-size')
  if (!execve || chosen || env.MALLOC_ARENA_MAX !== undefined) return
  const allocator = { MALLOC_ARENA_MAX: '16', MALLOC_MMAP_THRESHOLD_: '131072' }
  const flags = [...execArgv, '--max-semi-space-size=8']
  execve.call(process, execPath, [execPath, ...flags, ...argv.slice(1)], { ...allocator, ...env })
}

/** Folders count as well: theirs is the time of what was added and removed. */
function isUpToDate() {
  if (!existsSync(built)) return false
  const top = fileURLToPath(sources)
  const time = statSync(built).mtimeMs
  const names = ['', ...readdirSync(top, { recursive: true })]
  // Not by `join`, which would take as long as the rest.
  return names.every((name) => statSync(`${top}/${name}`).mtimeMs < time)
}

/** The binary of the npm package `node`, if it is installed where this package can see it. */
function newerNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve('node/package.json')
    const binary = join(dirname(manifest), 'bin', 'node')
    return existsSync(binary) ? binary : undefined
  } catch {
    return undefined
  }
}

async function runWith(node) {
  const { spawn } = await import('node:child_process')
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' })
  // Whoever stops this process means the one that does the work.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`chancery: ${node} cannot be started: ${error.message}\n`)
    process.exitCode = 2
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0)
  })
}

/** npx runs this through a shell that dies of a signal and does not pass it on: nobody would know that a service goes on. */
function endWithParent() {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }, 500)
  timer.unref()
}
