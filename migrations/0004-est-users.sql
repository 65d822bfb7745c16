-- Who enrols over EST with a name and a password (RFC 7030 3.2.3): fleets of devices, for which one-time tokens are too many.
CREATE TABLE est_users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  hash BLOB NOT NULL, -- SHA-256 of a generated password of 256 bits
  label TEXT, -- null: any
  names TEXT, -- JSON array of name patterns; null: those of the label
  expires_at INTEGER,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  revoked_at INTEGER
) STRICT;
