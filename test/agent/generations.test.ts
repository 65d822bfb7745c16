import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ownershipOf } from '../../src/agent/accounts.ts'
import { Generations } from '../../src/agent/generations.ts'
import { temporaryDirectory } from '../config/temporary.ts'

const MODE = { ownership: { uid: null, gid: null }, secret: 0o640 }
const made = (text: string, ...names: string[]) =>
  names.map((name) => ({ name, content: `${name} ${text}`, isSecret: name.endsWith('.key') }))

test('every name leads to the current generation, and what is there is known again', () => {
  const directory = join(temporaryDirectory(), 'deep', 'tls')
  const generations = new Generations(directory, MODE)
  expect(generations.current).toBeNull()
  const one = made('one', 'a.key', 'a.pem')
  generations.publish(one)
  expect(readFileSync(join(directory, 'a.key'), 'utf8')).toBe('a.key one')
  expect(statSync(join(directory, 'a.key')).mode & 0o777).toBe(0o640)
  expect(generations.holds(one)).toBe(true)
  expect(generations.holds(made('two', 'a.key', 'a.pem'))).toBe(false)
  expect(generations.holds(made('one', 'a.key'))).toBe(false)
  expect(new Generations(directory, MODE).current).toBe(join(directory, '..1'))
})

test('another mode is another generation', () => {
  const directory = temporaryDirectory()
  const one = made('one', 'a.key', 'a.pem')
  new Generations(directory, MODE).publish(one)
  const stricter = new Generations(directory, { ...MODE, secret: 0o600 })
  expect(stricter.holds(one)).toBe(false)
  stricter.publish(one)
  expect(stricter.holds(one)).toBe(true)
  expect(statSync(join(directory, 'a.key')).mode & 0o777).toBe(0o600)
})

test('whoever may read a file gets to it, whatever the umask is and whoever asks', () => {
  const top = temporaryDirectory()
  const directory = join(top, 'deep', 'tls')
  const generations = new Generations(directory, MODE)
  const before = process.umask(0o077)
  onTestFinished(() => void process.umask(before))
  generations.publish(made('one', 'a.key', 'a.pem'))
  for (const one of [join(top, 'deep'), directory, generations.current!])
    expect(statSync(one).mode & 0o777, one).toBe(0o755)
  expect(statSync(join(directory, 'a.pem')).mode & 0o777).toBe(0o644)
  // A generation that an earlier agent made for itself alone.
  chmodSync(generations.current!, 0o700)
  expect(generations.holds(made('one', 'a.key', 'a.pem'))).toBe(false)
})

test.skipIf(process.getuid?.() !== 0)('files get the owner and the group that are wanted', () => {
  const directory = temporaryDirectory()
  const ownership = ownershipOf({ owner: 'nobody', group: '12345' })
  new Generations(directory, { ...MODE, ownership }).publish(made('one', 'a.key'))
  const { uid, gid, mode } = statSync(join(directory, 'a.key'))
  expect([uid, gid, mode & 0o777]).toEqual([ownership.uid, 12_345, 0o640])
  expect(() => ownershipOf({ owner: 'nobody-at-all' })).toThrow(/knows no owner "nobody-at-all"/)
})

test('two generations before stay for readers that have their path, older ones go', () => {
  const directory = temporaryDirectory()
  const generations = new Generations(directory, MODE)
  for (const text of ['one', 'two', 'three', 'four', 'five']) generations.publish(made(text, 'a.pem'))
  expect(readdirSync(directory).sort()).toEqual(['..3', '..4', '..5', '..data', 'a.pem'])
  expect(readFileSync(join(directory, '..3', 'a.pem'), 'utf8')).toBe('a.pem three')
})

test('files of before give way, names that are no longer wanted go, and what is others’ stays', () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'a.pem'), 'of before')
  writeFileSync(join(directory, 'other.conf'), 'of others')
  symlinkSync('other.conf', join(directory, 'link.conf'))
  const generations = new Generations(directory, MODE)
  generations.publish(made('one', 'a.pem', 'b.pem'))
  expect(readFileSync(join(directory, 'a.pem'), 'utf8')).toBe('a.pem one')
  generations.publish(made('two', 'a.pem'))
  expect(lstatSync(join(directory, 'b.pem'), { throwIfNoEntry: false })).toBeUndefined()
  expect(readFileSync(join(directory, 'link.conf'), 'utf8')).toBe('of others')
})

test('what a crash left is taken away', () => {
  const directory = temporaryDirectory()
  const generations = new Generations(directory, MODE)
  generations.publish(made('one', 'a.pem'))
  mkdirSync(join(directory, '..2'))
  writeFileSync(join(directory, '..2', 'half'), 'a')
  symlinkSync('..2', join(directory, '..new-data'))
  generations.publish(made('two', 'a.pem'))
  expect(readdirSync(directory).sort()).toEqual(['..1', '..2', '..data', 'a.pem'])
  expect(readdirSync(join(directory, '..2'))).toEqual(['a.pem'])
})

test('a name that somebody removed or replaced is put back', () => {
  const directory = temporaryDirectory()
  const generations = new Generations(directory, MODE)
  const files = made('one', 'a.pem')
  generations.publish(files)
  writeFileSync(join(directory, 'b'), 'x')
  symlinkSync('b', join(directory, 'c'))
  expect(generations.holds(files)).toBe(true)
  generations.publish(made('one', 'a.pem', 'c'))
  expect(readFileSync(join(directory, 'c'), 'utf8')).toBe('c one')
})
