-- Requests for certificates that a person approves.

-- One row for each thing that a principal asked for. One that is pending beyond `expires_at` has expired: asked for again it
-- is pending anew, in the same row. AUTOINCREMENT: an address that was told once never becomes another's.
CREATE TABLE requests (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'refused')),
  fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32), -- SHA-256 over who asks for what
  principal ANY NOT NULL, -- as certificates.principal
  protocol TEXT NOT NULL,
  profile TEXT NOT NULL,
  authority TEXT, -- as asked for; null: that of the profile, or the default one
  csr BLOB, -- null where the key of `renewal_of` was proven in the TLS handshake
  key_type TEXT NOT NULL,
  key_hash BLOB NOT NULL, -- as certificates.key_hash
  subject TEXT NOT NULL,
  names TEXT NOT NULL, -- JSON array, as asked for
  validity INTEGER, -- as asked for
  not_after INTEGER, -- as asked for
  renewal_of INTEGER REFERENCES certificates (id),
  token INTEGER REFERENCES tokens (id), -- bound to this request, and used up by its approval
  idempotency_key TEXT, -- recorded with the certificate
  idempotency_hash BLOB,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  kept_until INTEGER NOT NULL, -- then it is forgotten, decided or not
  decided_at INTEGER,
  decided_by TEXT,
  reason TEXT,
  certificate INTEGER REFERENCES certificates (id),
  CHECK ((state = 'approved') = (certificate IS NOT NULL)),
  CHECK ((state = 'refused') = (reason IS NOT NULL)),
  CHECK ((state = 'pending') = (decided_at IS NULL)),
  CHECK ((decided_at IS NULL) = (decided_by IS NULL)),
  CHECK (csr IS NOT NULL OR renewal_of IS NOT NULL),
  CHECK ((idempotency_key IS NULL) = (idempotency_hash IS NULL))
) STRICT;
CREATE INDEX requests_fingerprint ON requests (fingerprint);
CREATE UNIQUE INDEX requests_pending ON requests (fingerprint) WHERE state = 'pending';
CREATE UNIQUE INDEX requests_token ON requests (token) WHERE token IS NOT NULL;
CREATE UNIQUE INDEX requests_certificate ON requests (certificate) WHERE certificate IS NOT NULL;
CREATE INDEX requests_principal ON requests (principal);
CREATE INDEX requests_state ON requests (state);
CREATE INDEX requests_kept ON requests (kept_until);
