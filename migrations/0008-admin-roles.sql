-- Admin keys have a number and a role, and may be rotated. Those of before are admins.
CREATE TABLE numbered_admin_keys (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL CHECK (role IN ('admin', 'operator', 'auditor')),
  hash BLOB NOT NULL UNIQUE,
  -- The secret before the newest rotation, and until when it still opens.
  former_hash BLOB,
  former_until INTEGER,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  rotated_at INTEGER,
  last_used_at INTEGER, -- to the minute
  revoked_at INTEGER,
  CHECK ((former_hash IS NULL) = (former_until IS NULL))
) STRICT;
INSERT INTO numbered_admin_keys (name, role, hash, created_at, created_by, revoked_at)
  SELECT name, 'admin', hash, created_at, 'system:cli', revoked_at FROM admin_keys ORDER BY rowid;
DROP TABLE admin_keys;
ALTER TABLE numbered_admin_keys RENAME TO admin_keys;
CREATE UNIQUE INDEX admin_keys_former ON admin_keys (former_hash) WHERE former_hash IS NOT NULL;
