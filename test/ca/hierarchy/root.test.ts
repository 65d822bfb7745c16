import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defaultHierarchy } from '../../../src/ca/hierarchy/defaults.ts'
import { createRoot, openRoot } from '../../../src/ca/hierarchy/root.ts'
import { systemClock } from '../../../src/clock.ts'
import { temporaryDirectory } from '../../store/temporary.ts'

test('a folder that holds a root, or the key of one whose making was interrupted, is no place for another', async () => {
  const folder = join(temporaryDirectory(), 'root')
  const make = () => createRoot(folder, defaultHierarchy().root, 'x', systemClock(), { isFirst: false })
  const { certificate } = await make()
  const key = readFileSync(join(folder, 'root.key.pem'), 'utf8')
  await expect(make()).rejects.toMatchObject({
    code: 'conflict',
    detail: expect.stringContaining('holds a root already. Name another folder.'),
  })
  expect((await openRoot(folder, 'x')).certificate.der).toEqual(certificate.der)

  rmSync(join(folder, 'root.pem'))
  await expect(make()).rejects.toMatchObject({
    code: 'conflict',
    detail: expect.stringContaining('the key of a root without root.pem'),
  })
  expect(readFileSync(join(folder, 'root.key.pem'), 'utf8')).toBe(key)
})
