import { randomBytes } from 'node:crypto'
import type { Connection } from '../connection.ts'
import type { NoticeSettings, NoticeType } from '../notice-commands.ts'

/** Where commands put what webhooks are to be told, in their own transaction. */
export interface Outbox {
  /** `at`: milliseconds since 1970. `data` is asked for only where a webhook wants this type. */
  put(type: NoticeType, at: number, data: () => Record<string, unknown>): void
  /** Whether some webhook wants this type, and all that do have room. */
  hasRoom(type: NoticeType): boolean
}

/** Null where there are no webhooks: then commands pay nothing for them. */
export function openOutbox(db: Connection, settings: NoticeSettings | undefined): Outbox | null {
  if (!settings || settings.webhooks.length === 0) return null
  const { webhooks, most } = settings
  const insert = db.prepare<[string, string, number, number, string, number]>(
    `INSERT INTO notices (webhook, message, body, created_ms, attempts, due_ms)
     SELECT key, ?, ?, ?, 0, ? FROM webhooks WHERE name = ? AND waiting < ?`,
  )
  const drop = db.prepare<[string]>('UPDATE webhooks SET dropped = dropped + 1 WHERE name = ?')
  const waiting = db.prepare<[string], number>('SELECT waiting FROM webhooks WHERE name = ?').pluck()
  const wanting = (type: NoticeType) => webhooks.filter(({ events }) => events.includes(type))
  return {
    put(type, at, data) {
      const receivers = wanting(type)
      if (receivers.length === 0) return
      const message = `msg_${randomBytes(18).toString('base64url')}`
      const body = JSON.stringify({ type, timestamp: new Date(at).toISOString(), data: data() })
      for (const { name } of receivers)
        if (insert.run(message, body, at, at, name, most).changes === 0) drop.run(name)
    },
    hasRoom(type) {
      const receivers = wanting(type)
      return receivers.length > 0 && receivers.every(({ name }) => (waiting.get(name) ?? most) < most)
    },
  }
}
