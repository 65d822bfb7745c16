-- Times are seconds since 1970, except those named ..._ms and audit.at, which are milliseconds.
-- Serial numbers are BLOBs: the INTEGER's octets without leading zeros.

-- "CHCY": says that a file is Chancery's, whatever it is called.
PRAGMA application_id = 0x43484359;

-- Short texts that stand in every row (profiles, audit actions), kept once. Only the configuration and the
-- code make new ones, never a request.
CREATE TABLE words (
  key INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE authorities (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL CHECK (role IN ('root', 'issuing')),
  state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'retired')),
  is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
  certificate BLOB,
  chain TEXT NOT NULL, -- JSON array of base64 DER
  csr BLOB,
  key_file TEXT,
  hash TEXT,
  created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX authorities_one_default ON authorities (is_default) WHERE is_default = 1;

CREATE TABLE certificates (
  id INTEGER PRIMARY KEY,
  serial BLOB NOT NULL CHECK (length(serial) BETWEEN 1 AND 20),
  authority INTEGER NOT NULL REFERENCES authorities (key),
  profile INTEGER NOT NULL REFERENCES words (key),
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  issued_ms INTEGER NOT NULL,
  replaces INTEGER REFERENCES certificates (id),
  principal ANY NOT NULL, -- "certificate:40ab…" as the BLOB of its serial number, others as text
  subject TEXT NOT NULL,
  names TEXT NOT NULL, -- JSON array of "dns:web.example.test", in the certificate's order
  key_hash BLOB NOT NULL,
  der BLOB NOT NULL
) STRICT;
-- Each index ends in the id (SQLite adds the rowid), so each also gives newest first.
CREATE UNIQUE INDEX certificates_serial ON certificates (serial);
CREATE INDEX certificates_expiry ON certificates (not_after);
CREATE INDEX certificates_issued ON certificates (issued_ms);
CREATE INDEX certificates_profile ON certificates (profile);
CREATE INDEX certificates_profile_expiry ON certificates (profile, not_after);
CREATE INDEX certificates_authority ON certificates (authority);
CREATE INDEX certificates_authority_expiry ON certificates (authority, not_after);
CREATE INDEX certificates_principal ON certificates (principal);
CREATE INDEX certificates_replaces ON certificates (replaces) WHERE replaces IS NOT NULL;

-- What was issued stays on record: no code path changes or removes a certificate or an audit row.
CREATE TRIGGER certificates_keep_rows BEFORE DELETE ON certificates
BEGIN SELECT RAISE(ABORT, 'certificates are never deleted'); END;
CREATE TRIGGER certificates_keep_facts BEFORE UPDATE ON certificates
BEGIN SELECT RAISE(ABORT, 'certificates are never changed'); END;

-- For search only. A DNS name is stored back to front ("tset.elpmaxe.bew"), which makes a suffix search a range.
CREATE TABLE certificate_names (
  name TEXT NOT NULL,
  certificate INTEGER NOT NULL REFERENCES certificates (id),
  PRIMARY KEY (name, certificate)
) STRICT, WITHOUT ROWID;

-- authority and not_after repeat the certificate's, so that a CRL is read from this table alone.
CREATE TABLE revocations (
  certificate INTEGER PRIMARY KEY REFERENCES certificates (id),
  authority INTEGER NOT NULL REFERENCES authorities (key),
  not_after INTEGER NOT NULL,
  revoked_at INTEGER NOT NULL,
  reason INTEGER NOT NULL,
  invalidity_date INTEGER,
  entry BLOB NOT NULL -- the finished CRL entry, DER
) STRICT;
CREATE INDEX revocations_authority ON revocations (authority);
CREATE INDEX revocations_held ON revocations (certificate) WHERE reason = 6;

CREATE TABLE crls (
  authority INTEGER PRIMARY KEY REFERENCES authorities (key),
  number INTEGER NOT NULL,
  this_update INTEGER NOT NULL,
  next_update INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  der BLOB NOT NULL
) STRICT;

CREATE TABLE tokens (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  profile TEXT NOT NULL,
  names TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  revoked_at INTEGER,
  spent_at INTEGER,
  spent_on BLOB -- serial number
) STRICT;

CREATE TABLE admin_keys (
  name TEXT NOT NULL UNIQUE,
  hash BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT;

CREATE TABLE idempotency_keys (
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  certificate INTEGER NOT NULL REFERENCES certificates (id),
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  action INTEGER NOT NULL REFERENCES words (key),
  result TEXT NOT NULL,
  actor ANY NOT NULL, -- as certificates.principal
  address TEXT NOT NULL,
  request_id TEXT NOT NULL,
  target ANY NOT NULL, -- hexadecimal text (a serial number) as a BLOB of half the size, other text as it is
  detail TEXT NOT NULL -- JSON
) STRICT;
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_action ON audit (action);
CREATE INDEX audit_actor ON audit (actor);
CREATE INDEX audit_target ON audit (target);
CREATE TRIGGER audit_keep_rows BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'audit rows are never deleted'); END;
CREATE TRIGGER audit_keep_facts BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit rows are never changed'); END;
