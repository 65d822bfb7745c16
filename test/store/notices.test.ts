import { expect, test } from 'vitest'
import { WEBHOOK_EVENTS } from '../../src/config/webhook-schema.ts'
import { NOTICE_TYPES, type NoticeSettings } from '../../src/store/notice-commands.ts'
import { issuance, NOW, revocation, serial, sha256 } from './records.ts'
import { temporaryStore } from './temporary.ts'

const LATER = (NOW + 1000) * 1000
const settings = (most = 10): NoticeSettings => ({ webhooks: [{ name: 'one', events: NOTICE_TYPES }], most })

async function storeFor(notices: NoticeSettings) {
  const store = await temporaryStore({ notices })
  await store.write('useWebhooks', { names: notices.webhooks.map(({ name }) => name) })
  const told = async () =>
    (await store.read.dueNotices('one', LATER, Number.MAX_SAFE_INTEGER, 100)).map(({ body }) => {
      const { type, data } = JSON.parse(body)
      return `${type} ${data.serialNumber ?? data.authority}`
    })
  return { store, told }
}

test('the events that can be configured are those that there are', () => {
  expect(WEBHOOK_EVENTS).toEqual(NOTICE_TYPES)
})

test('what is not recorded is not told: neither a refused command nor a repeated one', async () => {
  const { store, told } = await storeFor(settings())
  const idempotency = { scope: 'admin:default', key: 'k', requestHash: sha256('request'), countsFrom: 0 }
  await store.write('recordIssuance', issuance(0, { idempotency }))
  await store.write('recordIssuance', issuance(1, { idempotency }))
  await expect(store.write('recordIssuance', issuance(2, { replaces: serial(9) }))).rejects.toThrow()
  await expect(store.write('recordIssuance', issuance(3, { orderId: 77 }))).rejects.toThrow()
  await store.write('revoke', revocation(0))
  await store.write('revoke', revocation(0))
  expect(await told()).toEqual([`certificate.issued ${serial(0)}`, `certificate.revoked ${serial(0)}`])
})

test('a notice waits for each webhook that wants it, and is gone once it is settled for that one', async () => {
  const webhooks = [
    { name: 'one', events: ['certificate.issued'] as const },
    { name: 'two', events: ['certificate.issued', 'certificate.revoked'] as const },
  ]
  const { store, told } = await storeFor({ webhooks, most: 10 })
  await store.write('recordIssuance', issuance(0))
  await store.write('revoke', revocation(0))
  const [first] = await store.read.dueNotices('one', LATER, Number.MAX_SAFE_INTEGER, 10)
  await store.write('settleNotice', { noticeId: first!.noticeId, dueAt: null })
  expect(await told()).toEqual([])
  const waiting = await store.read.dueNotices('two', LATER, Number.MAX_SAFE_INTEGER, 10)
  expect(waiting.map(({ attempts }) => attempts)).toEqual([0, 0])
  expect(waiting[0]!.message).toBe(first!.message)
  await store.write('settleNotice', { noticeId: waiting[0]!.noticeId, dueAt: LATER + 1 })
  expect(await store.read.dueNotices('two', LATER, Number.MAX_SAFE_INTEGER, 10)).toMatchObject([
    { message: waiting[1]!.message },
  ])
  expect(await store.read.dueNotices('two', LATER + 1, Number.MAX_SAFE_INTEGER, 10)).toMatchObject([
    { attempts: 0 },
    { attempts: 1 },
  ])
})

test('webhooks that are used no more are forgotten with what waited for them', async () => {
  const { store } = await storeFor(settings())
  await store.write('recordIssuance', issuance(0))
  expect(await store.write('useWebhooks', { names: ['two'] })).toEqual({ forgotten: 1 })
  expect(await store.read.webhookCounts()).toEqual([{ webhook: 'two', waiting: 0, dropped: 0 }])
})

test('an end that finds no room is told when there is some, and once', async () => {
  const { store, told } = await storeFor(settings(1))
  const end = (authority: string) => ({
    ...{ subject: `authority ${authority}`, until: NOW + 500, type: 'authority.expiring' as const },
    data: { authority },
  })
  const write = () => store.write('noticeEnds', { ends: [end('a'), end('b')], at: NOW * 1000 })
  expect(await write()).toEqual({ told: 1 })
  expect(await write()).toEqual({ told: 0 })
  const [first] = await store.read.dueNotices('one', LATER, Number.MAX_SAFE_INTEGER, 10)
  await store.write('settleNotice', { noticeId: first!.noticeId, dueAt: null })
  expect(await write()).toEqual({ told: 1 })
  expect(await told()).toEqual(['authority.expiring b'])
  expect(await store.read.webhookCounts()).toEqual([{ webhook: 'one', waiting: 1, dropped: 0 }])
})

test('what is too old is swept in steps, and counted', async () => {
  const { store, told } = await storeFor(settings())
  for (let n = 0; n < 3; n++) await store.write('recordIssuance', issuance(n))
  const sweep = () => store.write('sweepNotices', { createdBefore: NOW * 1000 + 2, now: NOW, limit: 2 })
  expect(await sweep()).toEqual({ givenUp: [{ webhook: 'one', count: 2 }], more: true })
  expect(await sweep()).toEqual({ givenUp: [], more: false })
  expect(await told()).toEqual([`certificate.issued ${serial(2)}`])
})

test('without webhooks nothing is kept', async () => {
  const store = await temporaryStore()
  await store.write('recordIssuance', issuance(0))
  await store.write('noticeEnds', {
    ends: [{ subject: 's', until: NOW, type: 'authority.expiring', data: {} }],
    at: NOW,
  })
  expect(await store.read.webhookCounts()).toEqual([])
})

test('a notice that a clock which was ahead has put off beyond all pauses is due at once', async () => {
  const { store } = await storeFor(settings())
  await store.write('recordIssuance', issuance(1))
  const due = (now: number) => store.read.dueNotices('one', now, now + 1000, 10)
  const [notice] = await due(LATER)
  await store.write('settleNotice', { noticeId: notice!.noticeId, dueAt: LATER + 5000 })
  expect(await due(LATER + 4500)).toEqual([])
  expect(await due(LATER)).toMatchObject([{ noticeId: notice!.noticeId, attempts: 1 }])
})
