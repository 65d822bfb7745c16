import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { migrateToBefore } from './older-database.ts'
import { NOW } from './records.ts'
import { temporaryDirectory } from './temporary.ts'

test('orders from before their lists were kept have what they were linked to', async () => {
  const file = join(temporaryDirectory(), 'chancery.db')
  const db = new Database(file)
  migrateToBefore(db, 'order-authorizations')
  db.exec(`INSERT INTO acme_accounts (id, status, thumbprint, jwk, contacts, created_at, created_from)
      VALUES (1, 'valid', x'00', '{}', '[]', ${NOW}, '127.0.0.1');
    INSERT INTO acme_orders (id, account, status, expires_at, created_at, identifiers, profile, profile_asked)
      VALUES (1, 1, 'pending', ${NOW}, ${NOW}, '["dns:a.test"]', 'server', 0),
        (2, 1, 'invalid', ${NOW}, ${NOW}, '["dns:a.test","dns:b.test"]', 'server', 0),
        (3, 1, 'invalid', ${NOW}, ${NOW}, '["dns:c.test"]', 'server', 0);
    INSERT INTO acme_authorizations (id, account, identifier, wildcard, subdomains, status, expires_at, created_at)
      VALUES (7, 1, 'dns:a.test', 0, 0, 'pending', ${NOW}, ${NOW}), (8, 1, 'dns:b.test', 0, 0, 'pending', ${NOW}, ${NOW});
    INSERT INTO acme_order_authorizations VALUES (1, 7), (2, 7), (2, 8)`)
  db.close()
  const store = await openStore({ file })
  const orders = await Promise.all([1, 2, 3].map((id) => store.read.acmeOrder(id)))
  expect(orders.map((order) => order?.authorizations)).toEqual([[7], [7, 8], []])
  await store.close()
})
