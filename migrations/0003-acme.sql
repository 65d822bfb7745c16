-- ACME (RFC 8555): accounts, orders, authorizations, challenges. Identifiers stand as names do: "dns:web.example.test".
-- What is swept has AUTOINCREMENT: an address that was told once never becomes another's.

-- Keys of external account binding (RFC 8555 7.3.4). `sealed` is the MAC key, encrypted under the passphrase.
CREATE TABLE acme_external_keys (
  id INTEGER PRIMARY KEY,
  kid TEXT NOT NULL UNIQUE,
  sealed BLOB NOT NULL,
  profiles TEXT, -- JSON array; null: any
  names TEXT, -- JSON array of name patterns; null: any
  single_use INTEGER NOT NULL CHECK (single_use IN (0, 1)),
  expires_at INTEGER,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  revoked_at INTEGER,
  used_at INTEGER -- the newest use
) STRICT;

CREATE TABLE acme_accounts (
  id INTEGER PRIMARY KEY,
  status TEXT NOT NULL CHECK (status IN ('valid', 'deactivated', 'revoked')),
  thumbprint BLOB NOT NULL UNIQUE, -- RFC 7638, SHA-256
  jwk TEXT NOT NULL,
  contacts TEXT NOT NULL, -- JSON array of URLs
  terms_agreed_at INTEGER,
  external_key INTEGER REFERENCES acme_external_keys (id),
  external_binding TEXT, -- the JWS, as it was sent
  created_at INTEGER NOT NULL,
  created_from TEXT NOT NULL
) STRICT;
-- Keys that accounts had before: records of dns-persist-01 go on to name them.
CREATE TABLE acme_former_keys (
  account INTEGER NOT NULL REFERENCES acme_accounts (id),
  thumbprint BLOB NOT NULL,
  replaced_at INTEGER NOT NULL,
  PRIMARY KEY (account, thumbprint)
) STRICT, WITHOUT ROWID;
CREATE INDEX acme_accounts_external_key ON acme_accounts (external_key) WHERE external_key IS NOT NULL;

CREATE TABLE acme_authorizations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES acme_accounts (id),
  identifier TEXT NOT NULL,
  wildcard INTEGER NOT NULL CHECK (wildcard IN (0, 1)),
  subdomains INTEGER NOT NULL CHECK (subdomains IN (0, 1)), -- RFC 9444
  status TEXT NOT NULL CHECK (status IN ('pending', 'valid', 'invalid', 'deactivated', 'revoked')),
  expires_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX acme_authorizations_identifier ON acme_authorizations (account, identifier, status);
CREATE INDEX acme_authorizations_expiry ON acme_authorizations (expires_at);

CREATE TABLE acme_challenges (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  authorization INTEGER NOT NULL REFERENCES acme_authorizations (id) ON DELETE CASCADE,
  type TEXT NOT NULL,
  token TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'valid', 'invalid')),
  attempts INTEGER NOT NULL DEFAULT 0,
  started_at INTEGER, -- when the client asked for validation
  account_url TEXT, -- as the client knew it then: some challenges are about it
  validated_at INTEGER,
  error TEXT -- JSON: the problem that the last attempt met
) STRICT;
CREATE INDEX acme_challenges_authorization ON acme_challenges (authorization);
CREATE INDEX acme_challenges_processing ON acme_challenges (id) WHERE status = 'processing';

-- An order is never valid without its certificate, and has none otherwise.
CREATE TABLE acme_orders (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES acme_accounts (id),
  status TEXT NOT NULL CHECK (status IN ('pending', 'ready', 'valid', 'invalid')),
  expires_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  identifiers TEXT NOT NULL, -- JSON array
  profile TEXT NOT NULL,
  profile_asked INTEGER NOT NULL CHECK (profile_asked IN (0, 1)),
  not_before INTEGER,
  not_after INTEGER,
  replaces INTEGER REFERENCES certificates (id), -- RFC 9773
  replaces_text TEXT, -- as it was sent
  error TEXT, -- JSON
  certificate INTEGER REFERENCES certificates (id),
  needed_until INTEGER, -- the certificate's end: until then the order says who may revoke it
  CHECK ((status = 'valid') = (certificate IS NOT NULL))
) STRICT;
CREATE INDEX acme_orders_account ON acme_orders (account, id);
CREATE INDEX acme_orders_expiry ON acme_orders (expires_at) WHERE status <> 'valid';
CREATE INDEX acme_orders_needed ON acme_orders (needed_until) WHERE needed_until IS NOT NULL;
CREATE UNIQUE INDEX acme_orders_certificate ON acme_orders (certificate) WHERE certificate IS NOT NULL;
CREATE INDEX acme_orders_replaces ON acme_orders (replaces) WHERE replaces IS NOT NULL;

CREATE TABLE acme_order_authorizations (
  "order" INTEGER NOT NULL REFERENCES acme_orders (id) ON DELETE CASCADE,
  authorization INTEGER NOT NULL REFERENCES acme_authorizations (id) ON DELETE CASCADE,
  PRIMARY KEY ("order", authorization)
) STRICT, WITHOUT ROWID;
CREATE INDEX acme_order_authorizations_back ON acme_order_authorizations (authorization);

-- An admin's word that certificates should be renewed now: one certificate, or all that an authority issued until then.
CREATE TABLE renewal_calls (
  id INTEGER PRIMARY KEY,
  certificate INTEGER REFERENCES certificates (id),
  authority INTEGER REFERENCES authorities (key),
  issued_until_ms INTEGER NOT NULL,
  starts_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  explanation_url TEXT,
  CHECK ((certificate IS NULL) <> (authority IS NULL))
) STRICT;
CREATE INDEX renewal_calls_certificate ON renewal_calls (certificate) WHERE certificate IS NOT NULL;
CREATE INDEX renewal_calls_authority ON renewal_calls (authority) WHERE authority IS NOT NULL;
