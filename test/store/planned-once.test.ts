import { expect, test } from 'vitest'
import { openForMaking, openForReading, openForWriting } from '../../src/store/connection.ts'
import { plannedOnce } from '../../src/store/planned-once.ts'
import { temporaryDatabase } from './temporary.ts'

test.each([
  [
    'WHERE a = ? AND b=:name ORDER BY c LIMIT ? OFFSET @skip',
    'WHERE a = +? AND b= +:name ORDER BY c LIMIT +? OFFSET +@skip',
  ],
  ['WHERE a IS ?1 AND a IS NOT ?2', 'WHERE a IS +?1 AND a IS NOT ?2'],
  ['SET a = $a WHERE a = b', 'SET a = +$a WHERE a = b'],
  ['WHERE a >= ? AND a <= ? AND a != ? AND a < ? AND a IN (?, ?) AND a LIKE ?', null],
  ['VALUES (?, :this, ?)', null],
])('%s', (sql, planned) => {
  expect(plannedOnce(sql)).toBe(planned ?? sql)
})

test('all connections plan so, and a value is compared as it was bound', () => {
  const file = temporaryDatabase()
  const making = openForMaking(file)
  expect(making.prepare('SELECT 1 WHERE 1 = ?').source).toBe('SELECT 1 WHERE 1 = +?')
  making.close()
  const writing = openForWriting(file)
  expect(writing.prepare('SELECT 1 WHERE 1 = ?').source).toBe('SELECT 1 WHERE 1 = +?')
  writing.exec('CREATE TABLE things (id INTEGER PRIMARY KEY, word TEXT NOT NULL, octets BLOB) STRICT')
  writing.prepare('INSERT INTO things (word, octets) VALUES (?, ?)').run('1', Buffer.from('1'))
  writing.prepare('UPDATE things SET octets = ? WHERE word = ?').run(Buffer.from([0, 1]), '1')
  const reading = openForReading(file)
  const byOctets = reading.prepare(
    'SELECT a.id FROM things a JOIN things b ON b.id = a.id WHERE a.octets = ? LIMIT ?',
  )
  expect(byOctets.source).toContain('a.octets = +? LIMIT +?')
  expect(byOctets.all(Buffer.from([0, 1]), 5)).toEqual([{ id: 1 }])
  expect(byOctets.all('\0\x01', 5)).toEqual([])
  reading.close()
  writing.close()
})
