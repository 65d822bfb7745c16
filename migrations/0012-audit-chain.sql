-- The audit log as a hash chain: each row has the SHA-256 over the hash of the row before and its own content, in the form
-- that store/chain-hash.ts has. `chain_hash` is that function, which remembers the row before.
ALTER TABLE audit ADD COLUMN hash BLOB; -- null: in audit_older_hashes

-- Of rows from before the chain, which stay as they were written.
CREATE TABLE audit_older_hashes (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
INSERT INTO audit_older_hashes (id, hash)
  SELECT t.id, chain_hash(t.id, t.at, t.actor, t.address, t.request_id, (SELECT w.text FROM words w WHERE w.key = t.action),
    CASE typeof(t.target) WHEN 'integer' THEN (SELECT c.serial FROM certificates c WHERE c.id = t.target) ELSE t.target END,
    t.result, t.detail)
  FROM audit t ORDER BY t.id;
CREATE TRIGGER audit_older_hashes_keep_rows BEFORE DELETE ON audit_older_hashes
BEGIN SELECT RAISE(ABORT, 'hashes of audit rows are never deleted'); END;
CREATE TRIGGER audit_older_hashes_keep_facts BEFORE UPDATE ON audit_older_hashes
BEGIN SELECT RAISE(ABORT, 'hashes of audit rows are never changed'); END;

-- What the service signed of it: the log up to a row was this.
CREATE TABLE audit_heads (
  id INTEGER PRIMARY KEY,
  audit_row INTEGER NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  signed_at INTEGER NOT NULL,
  certificate BLOB NOT NULL, -- serial number of the signer's
  signature BLOB NOT NULL
) STRICT;
CREATE INDEX audit_heads_row ON audit_heads (audit_row);
CREATE TRIGGER audit_heads_keep_rows BEFORE DELETE ON audit_heads
BEGIN SELECT RAISE(ABORT, 'heads of the audit log are never deleted'); END;
CREATE TRIGGER audit_heads_keep_facts BEFORE UPDATE ON audit_heads
BEGIN SELECT RAISE(ABORT, 'heads of the audit log are never changed'); END;
