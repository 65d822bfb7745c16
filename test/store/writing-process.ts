import { openStore } from '../../src/store/open.ts'
import { authority, issuance } from './records.ts'

/**
 * Serves a database in a process of its own, to be killed or given a failing disk. Issues certificate after
 * certificate, eight at a time, up to `count`, and prints what became of each.
 */
const [file, count] = [process.argv[2]!, Number(process.argv[3])]
const store = await openStore({ file, probeMilliseconds: 20 })
await store.write('recordAuthority', authority())
console.log('ready')
let next = 0
async function issueAll(): Promise<void> {
  while (next < count) {
    const n = next++
    await store.write('recordIssuance', issuance(n)).then(
      () => console.log(`recorded ${n}`),
      ({ code }: { code: string }) => console.log(`refused ${n} ${code}`),
    )
    // As a caller would: no further attempt before the store says that it has recovered.
    while (!store.healthy) await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
await Promise.all(Array.from({ length: 8 }, issueAll))
console.log(`healthy ${store.healthy}`)
await store.close()
