import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { areKeysMoving, moveKeys, settleMove } from '../../../src/ca/custody/move-keys.ts'
import { CaError } from '../../../src/errors.ts'

function prepared(): { parent: string; directory: string } {
  const parent = mkdtempSync(join(tmpdir(), 'chancery-move-'))
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }))
  const directory = join(parent, 'data')
  mkdirSync(join(directory, 'keys'), { recursive: true })
  for (const name of ['a.key.pem', 'b.pem'])
    writeFileSync(join(directory, 'keys', name), `key of ${name}`, { mode: 0o600 })
  return { parent, directory }
}

const recorded = async () => {}

function expectKeys(directory: string): void {
  for (const name of ['a.key.pem', 'b.pem']) {
    expect(readFileSync(join(directory, 'keys', name), 'utf8')).toBe(`key of ${name}`)
    expect(statSync(join(directory, 'keys', name)).mode & 0o777).toBe(0o600)
  }
}

test('the keys go to the new place, leave the old one, and are found where they were', async () => {
  const { parent, directory } = prepared()
  await moveKeys(directory, join(parent, 'first'), recorded)
  expect(lstatSync(join(directory, 'keys')).isSymbolicLink()).toBe(true)
  expectKeys(directory)
  await moveKeys(directory, join(parent, 'second'), recorded)
  expectKeys(directory)
  expect(readdirSync(join(parent, 'first'))).toEqual([])
  expect(readdirSync(directory)).toEqual(['keys'])
})

test('a place with something in it is left as it is', async () => {
  const { parent, directory } = prepared()
  mkdirSync(join(parent, 'taken'))
  writeFileSync(join(parent, 'taken', 'b.pem'), 'another key')
  await expect(moveKeys(directory, join(parent, 'taken'), recorded)).rejects.toMatchObject({
    code: 'conflict',
  })
  expectKeys(directory)
})

test('the same move again takes over what one left that was interrupted, also in the middle of a file', async () => {
  const { parent, directory } = prepared()
  const place = join(parent, 'disk')
  mkdirSync(place)
  cpSync(join(directory, 'keys', 'a.key.pem'), join(place, 'a.key.pem'))
  writeFileSync(join(place, 'b.pem'), 'key of', { mode: 0o600 })
  await moveKeys(directory, place, recorded)
  expectKeys(directory)
  expect(readdirSync(place)).toEqual(['a.key.pem', 'b.pem'])
  expect(readdirSync(directory)).toEqual(['keys'])
})

test('where the keys are in the place already, that is said, and they stay', async () => {
  const { parent, directory } = prepared()
  const place = join(parent, 'disk')
  await moveKeys(directory, place, recorded)
  await expect(moveKeys(directory, place, recorded)).rejects.toMatchObject({
    code: 'conflict',
    detail: `The keys are in ${place} already.`,
  })
  expectKeys(directory)
})

test('a place within the one that the keys leave is refused, and they stay', async () => {
  const { directory } = prepared()
  const keys = join(directory, 'keys')
  await expect(moveKeys(directory, join(keys, 'deeper', 'still'), recorded)).rejects.toMatchObject({
    code: 'conflict',
  })
  expectKeys(directory)
  expect(areKeysMoving(directory)).toBe(false)
  expect(lstatSync(keys).isSymbolicLink()).toBe(false)
  expect(readdirSync(keys)).toEqual(['a.key.pem', 'b.pem'])
})

test('the old keys stay while the new place is not there, and an interrupted move ends once it is', async () => {
  const { parent, directory } = prepared()
  const place = join(parent, 'disk')
  let steps = 0
  // Behind the link, before the old keys go.
  const killed = moveKeys(directory, place, recorded, () => {
    if (++steps === 6) throw new Error('killed')
  })
  await expect(killed).rejects.toThrow('killed')
  expect(lstatSync(join(directory, 'keys')).isSymbolicLink()).toBe(true)
  renameSync(place, join(parent, 'unmounted'))
  await expect(settleMove(directory)).rejects.toMatchObject({ code: 'badConfiguration' })
  expect(readdirSync(join(directory, 'keys.former'))).toEqual(['a.key.pem', 'b.pem'])
  renameSync(join(parent, 'unmounted'), place)
  await settleMove(directory)
  expectKeys(directory)
  expect(areKeysMoving(directory)).toBe(false)
})

test('whichever step is the last, the keys are whole after the next start', async () => {
  for (let last = 1, finished = false; !finished; last++) {
    const { parent, directory } = prepared()
    let steps = 0
    finished = await moveKeys(directory, join(parent, 'new'), recorded, () => {
      if (++steps === last) throw new Error('killed')
    }).then(
      () => true,
      (error: Error) => {
        expect(error.message).toContain('killed')
        return false
      },
    )
    if (areKeysMoving(directory)) await settleMove(directory)
    expect(areKeysMoving(directory)).toBe(false)
    expectKeys(directory)
    if (finished) expect(last).toBeGreaterThan(6)
  }
})

test('where the database takes no record of it the keys stay, and nothing is left in the way of the next try', async () => {
  const { parent, directory } = prepared()
  const place = join(parent, 'new')
  const full = () => Promise.reject(new CaError('storeFailed', 'Nothing was recorded.'))
  await expect(moveKeys(directory, place, full)).rejects.toMatchObject({
    code: 'storeFailed',
    detail: 'Nothing was recorded. The keys were not moved: they are where they were.',
  })
  expect(readdirSync(parent)).toEqual(['data'])
  expect(readdirSync(directory)).toEqual(['keys'])
  expect(lstatSync(join(directory, 'keys')).isSymbolicLink()).toBe(false)
  expectKeys(directory)
  await moveKeys(directory, place, recorded)
  expectKeys(directory)
})

test('a copy that fails leaves nothing in the way of the next try', async () => {
  const { parent, directory } = prepared()
  const place = join(parent, 'new')
  mkdirSync(place)
  const b = join(directory, 'keys', 'b.pem')
  rmSync(b)
  mkdirSync(b)
  await expect(moveKeys(directory, place, recorded)).rejects.toMatchObject({
    code: 'storeFailed',
    detail: expect.stringMatching(/^EISDIR.* The keys were not moved/),
  })
  expect(readdirSync(place)).toEqual([])
})

test('a move that does not come to its end says where the keys are to be, and what ends it', async () => {
  const { parent, directory } = prepared()
  const place = join(parent, 'new')
  const blocked = async () => mkdirSync(join(directory, 'keys.former', 'full'), { recursive: true })
  await expect(moveKeys(directory, place, blocked)).rejects.toMatchObject({
    code: 'storeFailed',
    detail: expect.stringContaining(
      `The keys are to be in ${place} from now on, but the move is not complete`,
    ),
  })
})
