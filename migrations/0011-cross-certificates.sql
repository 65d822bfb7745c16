-- Certificates that one authority has from another beside its own: how a new root is trusted by whoever has the old one, and back.
CREATE TABLE cross_certificates (
  key INTEGER PRIMARY KEY,
  certificate BLOB NOT NULL UNIQUE,
  subject INTEGER NOT NULL REFERENCES authorities (key), -- whose key it certifies
  issuer INTEGER NOT NULL REFERENCES authorities (key),
  installed_at INTEGER NOT NULL
) STRICT;
