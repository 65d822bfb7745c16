-- Delta and partitioned CRLs, and OCSP responses that were signed where an authority's key is.

-- The partition of the authority's CRL that the certificate names; null where it names the full one. It stays whatever
-- becomes of the number of partitions.
ALTER TABLE certificates ADD COLUMN partition INTEGER;

-- `change` is the id of the audit row of the revocation: the order in which revocations and releases came to be.
ALTER TABLE revocations ADD COLUMN partition INTEGER;
ALTER TABLE revocations ADD COLUMN change INTEGER NOT NULL DEFAULT 0;
CREATE INDEX revocations_changes ON revocations (authority, change);
CREATE INDEX revocations_partition ON revocations (authority, partition, change) WHERE partition IS NOT NULL;

-- Holds that were lifted, for delta CRLs. The row leaves when the certificate is revoked again.
CREATE TABLE releases (
  certificate INTEGER PRIMARY KEY REFERENCES certificates (id),
  authority INTEGER NOT NULL REFERENCES authorities (key),
  not_after INTEGER NOT NULL,
  partition INTEGER,
  change INTEGER NOT NULL,
  entry BLOB NOT NULL -- the finished CRL entry with removeFromCRL, DER
) STRICT;
CREATE INDEX releases_changes ON releases (authority, change);
CREATE INDEX releases_partition ON releases (authority, partition, change) WHERE partition IS NOT NULL;

-- One current CRL of each kind for each scope. `partition` is -1 for the scope that is all certificates.
CREATE TABLE scoped_crls (
  authority INTEGER NOT NULL REFERENCES authorities (key),
  partition INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('full', 'delta')),
  number INTEGER NOT NULL,
  this_update INTEGER NOT NULL,
  next_update INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  through INTEGER NOT NULL, -- the newest change that it knows of
  -- The full CRL that deltas of this scope count from: its number, its thisUpdate, the newest change that it knew of.
  base_number INTEGER NOT NULL,
  base_this_update INTEGER NOT NULL,
  base_through INTEGER NOT NULL,
  locations TEXT NOT NULL, -- JSON array: the URLs in its issuingDistributionPoint
  der BLOB NOT NULL,
  PRIMARY KEY (authority, partition, kind)
) STRICT;
-- -1: nobody knows what they knew of, so that they are made anew where the key is here.
INSERT INTO scoped_crls
  SELECT authority, -1, 'full', number, this_update, next_update, entries, -1, number, this_update, -1, '[]', der
  FROM crls;
DROP TABLE crls;
ALTER TABLE scoped_crls RENAME TO crls;

-- Where certificates say that the CRL of a partition is. Its issuingDistributionPoint must name each of these.
CREATE TABLE crl_locations (
  authority INTEGER NOT NULL REFERENCES authorities (key),
  partition INTEGER NOT NULL,
  url TEXT NOT NULL,
  PRIMARY KEY (authority, partition, url)
) STRICT, WITHOUT ROWID;

-- Signed where the authority's key is, and brought here. By the CertID's exact bytes.
CREATE TABLE ocsp_responses (
  authority INTEGER NOT NULL REFERENCES authorities (key),
  cert_id BLOB NOT NULL,
  this_update INTEGER NOT NULL,
  next_update INTEGER NOT NULL,
  der BLOB NOT NULL,
  PRIMARY KEY (authority, cert_id)
) STRICT, WITHOUT ROWID;
