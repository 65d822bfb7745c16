import type { Connection } from '../connection.ts'
import type { NoticeCommands } from '../notice-commands.ts'
import type { Outbox } from './outbox.ts'

type Input<K extends keyof NoticeCommands> = NoticeCommands[K]['input']

export function noticeHandlers(db: Connection, outbox: Outbox | null) {
  const known = db.prepare<[], { name: string; waiting: number }>('SELECT name, waiting FROM webhooks')
  const use = db.prepare(
    'INSERT INTO webhooks (name, waiting, dropped) VALUES (?, 0, 0) ON CONFLICT DO NOTHING',
  )
  const forget = db.prepare('DELETE FROM webhooks WHERE name = ?')
  const remove = db.prepare('DELETE FROM notices WHERE id = ?')
  const postpone = db.prepare('UPDATE notices SET attempts = attempts + 1, due_ms = ? WHERE id = ?')
  const isTold = db.prepare<[string], number>('SELECT 1 FROM told_ends WHERE subject = ?').pluck()
  const mark = db.prepare('INSERT INTO told_ends (subject, until) VALUES (?, ?)')
  const tooOld = db.prepare<[number, number], { id: number; webhook: string }>(
    `SELECT n.id AS id, w.name AS webhook FROM notices n JOIN webhooks w ON w.key = n.webhook
     WHERE n.created_ms < ? LIMIT ?`,
  )
  const unmark = db.prepare(
    'DELETE FROM told_ends WHERE subject IN (SELECT subject FROM told_ends WHERE until < ? LIMIT ?)',
  )
  return {
    useWebhooks({ names }: Input<'useWebhooks'>) {
      const over = known.all().filter(({ name }) => !names.includes(name))
      for (const { name } of over) forget.run(name)
      for (const name of names) use.run(name)
      return { forgotten: over.reduce((sum, { waiting }) => sum + waiting, 0) }
    },

    settleNotice({ noticeId, dueAt }: Input<'settleNotice'>) {
      if (dueAt === null) remove.run(noticeId)
      else postpone.run(dueAt, noticeId)
      return {}
    },

    /** One that finds no room is not marked: it is told when there is room. What has ended meanwhile comes no more. */
    noticeEnds({ ends, at }: Input<'noticeEnds'>) {
      const fresh = ends.filter(({ subject, until, type, data }) => {
        if (until * 1000 < at || !outbox?.hasRoom(type) || isTold.get(subject) !== undefined) return false
        mark.run(subject, until)
        outbox.put(type, at, () => data)
        return true
      })
      return { told: fresh.length }
    },

    sweepNotices({ createdBefore, now, limit }: Input<'sweepNotices'>) {
      const old = tooOld.all(createdBefore, limit)
      for (const { id } of old) remove.run(id)
      const givenUp = [...Map.groupBy(old, ({ webhook }) => webhook)].map(([webhook, rows]) => ({
        webhook,
        count: rows.length,
      }))
      return { givenUp, more: unmark.run(now, limit).changes === limit || old.length === limit }
    },
  }
}
