-- Revocations of certificates that are not on record: a CRL that was handed out after a backup lists them, and the database
-- that was restored from that backup must not take them back. Their certificates' ends are not known, so they stay.
CREATE TABLE carried_revocations (
  authority INTEGER NOT NULL REFERENCES authorities (key),
  serial BLOB NOT NULL CHECK (length(serial) BETWEEN 1 AND 20),
  revoked_at INTEGER NOT NULL,
  reason INTEGER NOT NULL,
  invalidity_date INTEGER,
  change INTEGER NOT NULL, -- as revocations.change
  entry BLOB NOT NULL, -- the CRL entry, DER, as it was
  PRIMARY KEY (authority, serial)
) STRICT, WITHOUT ROWID;
CREATE INDEX carried_revocations_changes ON carried_revocations (authority, change);
