import {
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

function prepared(): { parent: string; directory: string } {
  const parent = mkdtempSync(join(tmpdir(), 'chancery-move-'))
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }))
  const directory = join(parent, 'data')
  mkdirSync(join(directory, 'keys'), { recursive: true })
  for (const name of ['a.key.pem', 'b.pem'])
    writeFileSync(join(directory, 'keys', name), `key of ${name}`, { mode: 0o600 })
  return { parent, directory }
}

function expectKeys(directory: string): void {
  for (const name of ['a.key.pem', 'b.pem']) {
    expect(readFileSync(join(directory, 'keys', name), 'utf8')).toBe(`key of ${name}`)
    expect(statSync(join(directory, 'keys', name)).mode & 0o777).toBe(0o600)
  }
}

test('the keys go to the new place, leave the old one, and are found where they were', async () => {
  const { parent, directory } = prepared()
  await moveKeys(directory, join(parent, 'first'))
  expect(lstatSync(join(directory, 'keys')).isSymbolicLink()).toBe(true)
  expectKeys(directory)
  await moveKeys(directory, join(parent, 'second'))
  expectKeys(directory)
  expect(readdirSync(join(parent, 'first'))).toEqual([])
  expect(readdirSync(directory)).toEqual(['keys'])
})

test('a place with something in it is left as it is', async () => {
  const { parent, directory } = prepared()
  mkdirSync(join(parent, 'taken'))
  writeFileSync(join(parent, 'taken', 'b.pem'), 'another key')
  await expect(moveKeys(directory, join(parent, 'taken'))).rejects.toMatchObject({ code: 'conflict' })
  expectKeys(directory)
})

test('the same move again takes over what one left that was interrupted, also in the middle of a file', async () => {
  const { parent, directory } = prepared()
  const place = join(parent, 'disk')
  let steps = 0
  const killed = moveKeys(directory, place, () => {
    if (++steps === 2) throw new Error('killed')
  })
  await expect(killed).rejects.toThrow('killed')
  expect(readdirSync(place)).toEqual(['a.key.pem'])
  writeFileSync(join(place, 'b.pem'), 'key of', { mode: 0o600 })
  await moveKeys(directory, place)
  expectKeys(directory)
  expect(readdirSync(place)).toEqual(['a.key.pem', 'b.pem'])
  expect(readdirSync(directory)).toEqual(['keys'])
})

test('where the keys are in the place already, that is said, and they stay', async () => {
  const { parent, directory } = prepared()
  const place = join(parent, 'disk')
  await moveKeys(directory, place)
  await expect(moveKeys(directory, place)).rejects.toMatchObject({
    code: 'conflict',
    detail: `The keys are in ${place} already.`,
  })
  expectKeys(directory)
})

test('a place within the one that the keys leave is refused, and they stay', async () => {
  const { directory } = prepared()
  const keys = join(directory, 'keys')
  await expect(moveKeys(directory, join(keys, 'deeper', 'still'))).rejects.toMatchObject({ code: 'conflict' })
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
  const killed = moveKeys(directory, place, () => {
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
    finished = await moveKeys(directory, join(parent, 'new'), () => {
      if (++steps === last) throw new Error('killed')
    }).then(
      () => true,
      (error: Error) => {
        expect(error.message).toBe('killed')
        return false
      },
    )
    if (areKeysMoving(directory)) await settleMove(directory)
    expect(areKeysMoving(directory)).toBe(false)
    expectKeys(directory)
    if (finished) expect(last).toBeGreaterThan(6)
  }
})
