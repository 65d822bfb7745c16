-- What webhooks have still to be told. Without webhooks there are no rows.

CREATE TABLE webhooks (
  key INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  waiting INTEGER NOT NULL, -- its rows in notices; the triggers below count
  dropped INTEGER NOT NULL -- notices that found no room, ever
) STRICT;

-- AUTOINCREMENT: an id that a sender still has in mind never becomes that of another notice.
CREATE TABLE notices (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook INTEGER NOT NULL REFERENCES webhooks (key) ON DELETE CASCADE,
  message TEXT NOT NULL, -- the id that its receiver sees, the same at each attempt
  body TEXT NOT NULL, -- JSON, as it is sent
  created_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  due_ms INTEGER NOT NULL -- of the next attempt
) STRICT;
CREATE INDEX notices_due ON notices (webhook, due_ms);
CREATE INDEX notices_created ON notices (created_ms);
CREATE TRIGGER notices_come AFTER INSERT ON notices
BEGIN UPDATE webhooks SET waiting = waiting + 1 WHERE key = new.webhook; END;
CREATE TRIGGER notices_go AFTER DELETE ON notices
BEGIN UPDATE webhooks SET waiting = waiting - 1 WHERE key = old.webhook; END;

-- Whose coming end was told, so that it is told once: "certificate 40ab…", "authority root 1830000000".
CREATE TABLE told_ends (
  subject TEXT PRIMARY KEY,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX told_ends_until ON told_ends (until);
